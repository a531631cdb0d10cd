-- Timers: what happens later, unless it is cancelled or replaced before.

-- name: drop
-- Those of these names, which are cancelled or replaced.
DELETE FROM acci.timers AS t
USING unnest(%(tenant_ids)s::text[], %(keys)s::text[], %(names)s::text[]) AS given (tenant_id, key, name)
WHERE t.reaction = %(reaction)s AND t.tenant_id = given.tenant_id AND t.key = given.key AND t.name = given.name;

-- name: copy
COPY acci.timers (
    due, position, rewind, ordinal, schema_version, event_id, caused_by, reaction, stream_type, tenant_id, key, name, kind,
    topic, correlation_id, subject, content
) FROM STDIN (FORMAT binary);

-- name: due
-- The running reactions of these that have timers to fire.
SELECT r.reaction FROM acci.reactions AS r
WHERE r.reaction = ANY (%(reactions)s) AND r.paused_at IS NULL
  AND EXISTS (SELECT FROM acci.timers AS t WHERE t.reaction = r.reaction AND t.due <= {reacting/timers:now})
ORDER BY r.reaction;

-- name: now
-- The time that a reaction `r` has come to: when the first event was recorded that it has not decided, which may cancel
-- what is due after it; without one, now.
coalesce(
    (SELECT least(e.recorded_at, clock_timestamp()) FROM acci.events AS e
     WHERE e.position > r.checkpoint ORDER BY e.position LIMIT 1),
    clock_timestamp())

-- name: take
-- Those that are due leave the table; each with the version that its event will have, and its payload.
WITH due AS (
    SELECT t.tenant_id, t.key, t.name FROM acci.timers AS t
    WHERE t.reaction = %(reaction)s
      AND t.due <= (SELECT {reacting/timers:now} FROM acci.reactions AS r WHERE r.reaction = %(reaction)s)
    ORDER BY t.due
    LIMIT %(limit)s
), fired AS (
    DELETE FROM acci.timers AS t USING due AS d
    WHERE t.reaction = %(reaction)s AND t.tenant_id = d.tenant_id AND t.key = d.key AND t.name = d.name
    RETURNING t.*
), streams AS (
    SELECT s.*, (SELECT coalesce(max(e.version), 0) FROM acci.events AS e
                 WHERE e.tenant_id = s.tenant_id AND e.aggregate_type = s.stream_type AND e.aggregate_id = s.key) AS version
    FROM (SELECT DISTINCT tenant_id, stream_type, key FROM fired) AS s
)
SELECT f.tenant_id, f.due, f.event_id, s.version + row_number() OVER (
           PARTITION BY f.tenant_id, f.stream_type, f.key ORDER BY f.due, f.position, f.ordinal
       ) AS version,
       CASE WHEN f.kind = 'event' THEN f.schema_version ELSE 1 END, f.stream_type, f.key,
       CASE WHEN f.kind = 'event' THEN f.topic ELSE 'TimerFired' END,
       CASE WHEN f.kind = 'event' THEN f.content
            ELSE jsonb_build_object('name', f.name, 'kind', f.kind, 'topic', f.topic, 'content', f.content,
                                    'person', f.subject) END::text,
       jsonb_build_object('tenant_id', f.tenant_id, 'correlation_id', f.correlation_id, 'causation_id', f.caused_by)::text
FROM fired AS f
JOIN streams AS s USING (tenant_id, stream_type, key)
ORDER BY f.tenant_id, f.due, f.position, f.ordinal;

-- name: store
-- What fired, of one tenant, as events.
INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type,
                         data, metadata)
SELECT "timestamp", id, version, schema_version, %(tenant_id)s, aggregate_type, aggregate_id, event_type, data, metadata
FROM unnest(
    %(due)s::timestamptz[], %(ids)s::uuid[], %(versions)s::integer[], %(schema_versions)s::integer[],
    %(stream_types)s::text[], %(stream_keys)s::text[], %(event_types)s::text[], %(datas)s::jsonb[], %(metadatas)s::jsonb[]
) WITH ORDINALITY AS given ("timestamp", id, version, schema_version, aggregate_type, aggregate_id, event_type, data,
                            metadata, place)
ORDER BY place;

-- name: fired
-- Those of these ids that are events.
SELECT id FROM acci.events_of_ids(%(ids)s::uuid[]);

-- name: list
SELECT reaction, tenant_id, key, name, due, kind, topic, position, rewind FROM acci.timers
WHERE (%(reaction)s::text IS NULL OR reaction = %(reaction)s) AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
  AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY due, reaction, tenant_id, key, name
LIMIT %(limit)s;

-- name: set_after
-- How many were set by events after a position.
SELECT count(*) FROM acci.timers WHERE reaction = %(reaction)s AND position > %(position)s;

-- name: rewound
DELETE FROM acci.timers WHERE reaction = %(reaction)s AND position > %(position)s;
