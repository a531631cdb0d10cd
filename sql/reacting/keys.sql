-- What was decided for one key, and what became of it.

-- name: events
-- The last of its events up to a position, newest first; with what is not decided yet, and what rewinds decided again.
SELECT f.position, f.rewind, e.event_type, e.recorded_at, f.ended, f.effects, f.reason
FROM (
    SELECT o.position, o.rewind, o.ended, o.effects, o.reason FROM acci.outcomes AS o
    WHERE o.reaction = %(reaction)s AND o.tenant_id = %(tenant_id)s AND o.key = %(key)s AND o.position <= %(to)s
    UNION ALL
    SELECT u.position, u.rewind, CASE WHEN u.error IS NULL THEN 'waits' ELSE 'failed' END, 0, u.error
    FROM acci.undecided AS u
    WHERE u.reaction = %(reaction)s AND u.tenant_id = %(tenant_id)s AND u.key = %(key)s AND u.position <= %(to)s
    ORDER BY position DESC, rewind DESC
    LIMIT %(limit)s
) AS f
JOIN acci.events AS e USING (position)
ORDER BY f.position DESC, f.rewind DESC;

-- name: effects
-- What was put into the outbox for these events: how it ended, or that it is pending.
SELECT f.position, f.rewind, f.ordinal, f.ended, f.kind, f.topic, f.tries, f.at, f.reason
FROM unnest(%(positions)s::bigint[], %(rewinds)s::integer[]) AS wanted (position, rewind)
CROSS JOIN LATERAL (
    SELECT d.position, d.rewind, d.ordinal, d.ended, NULL AS kind, NULL AS topic, d.tries, d.ended_at AS at, d.reason
    FROM acci.deliveries AS d
    WHERE d.reaction = %(reaction)s AND d.rewind = wanted.rewind AND d.position = wanted.position
    UNION ALL
    SELECT o.position, o.rewind, o.ordinal, 'pending', o.kind, o.topic, NULL, o.created_at, NULL
    FROM acci.outbox AS o
    WHERE o.reaction = %(reaction)s AND o.rewind = wanted.rewind AND o.position = wanted.position
) AS f
ORDER BY f.position DESC, f.rewind DESC, f.ordinal;
