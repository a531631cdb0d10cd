-- Where reactions stand: what waits to be decided, to be delivered, and to come due. Nothing here reads history.

-- name: all
-- Each that was ever started. What is counted is counted up to a limit, in an index's order, which ends there. The oldest row that is not delivered is sought
-- among the first of the outbox, in order; those behind a dead letter do not count.
SELECT r.reaction, r.checkpoint, r.rewind, r.advanced_at, r.paused_at, r.paused_by, r.reason,
       (SELECT count(*) FROM (SELECT FROM acci.outbox AS o
                              WHERE o.reaction = r.reaction
                              ORDER BY o.rewind, o.position, o.ordinal
                              LIMIT %(limit)s) AS counted),
       (SELECT extract(epoch FROM clock_timestamp() - min(first.created_at))::float8
        FROM (SELECT o.reaction, o.tenant_id, o.key, o.created_at FROM acci.outbox AS o
              WHERE o.reaction = r.reaction
              ORDER BY o.rewind, o.position, o.ordinal
              LIMIT %(sought)s) AS first
        WHERE NOT EXISTS (SELECT FROM acci.outbox_heads AS h
                          WHERE h.reaction = first.reaction AND h.tenant_id = first.tenant_id AND h.key = first.key
                            AND h.due = 'infinity')),
       (SELECT count(*) FROM (SELECT FROM acci.undecided AS u
                              WHERE u.reaction = r.reaction AND u.error IS NOT NULL LIMIT %(limit)s) AS counted),
       (SELECT count(*) FROM (SELECT FROM acci.outbox_heads AS h
                              WHERE h.reaction = r.reaction AND h.due = 'infinity' LIMIT %(limit)s) AS counted),
       (SELECT count(*) FROM (SELECT u.tenant_id, u.key FROM acci.undecided AS u
                              WHERE u.reaction = r.reaction AND u.key IS NOT NULL
                              UNION
                              SELECT h.tenant_id, h.key FROM acci.outbox_heads AS h
                              WHERE h.reaction = r.reaction AND h.due = 'infinity'
                              LIMIT %(limit)s) AS counted),
       (SELECT count(*) FROM (SELECT FROM acci.timers AS t
                              WHERE t.reaction = r.reaction AND t.due > statement_timestamp()
                              ORDER BY t.due
                              LIMIT %(limit)s) AS counted),
       (SELECT count(*) FROM (SELECT FROM acci.timers AS t
                              WHERE t.reaction = r.reaction AND t.due <= statement_timestamp()
                              ORDER BY t.due
                              LIMIT %(limit)s) AS counted)
FROM acci.reactions AS r
ORDER BY r.reaction;

-- name: lag
-- Of the first events after a checkpoint, up to a limit: how many there are; how many of them a reaction handles; when the
-- oldest of those was recorded, and the last of all.
SELECT count(*),
       count(*) FILTER (WHERE handled),
       extract(epoch FROM clock_timestamp() - min(recorded_at) FILTER (WHERE handled))::float8,
       extract(epoch FROM clock_timestamp() - max(recorded_at))::float8
FROM (SELECT recorded_at,
             event_type = ANY (%(event_types)s::text[])
             AND (event_type <> ALL (%(own_events)s::text[]) OR aggregate_type = %(stream_type)s)
             AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s) AS handled
      FROM acci.events
      WHERE position > %(checkpoint)s AND position <= %(head)s
      ORDER BY position
      LIMIT %(limit)s) AS waiting;
