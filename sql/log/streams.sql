-- One aggregate's events: its version, and the advisory locks by which several streams change together.

-- name: version
-- A stream's version; 0 without one.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT coalesce(max(version), 0)
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
) AS found;

-- name: events
-- A page of one stream's events in (after, to]; as of a point in time, up to the first event that happened later.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    {log/streams:window}
    ORDER BY version
    LIMIT %(page)s
) AS found;

-- name: events_backwards
-- The same from the end.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    {log/streams:window}
    ORDER BY version DESC
    LIMIT %(page)s
) AS found;

-- name: window
WITH later AS (
    {log/streams:first_later}
)
SELECT {log/events:columns}
FROM acci.events
WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
  AND version > %(after)s::bigint AND version <= least(%(to)s::bigint, 2147483647)
  AND version < coalesce((SELECT version FROM later), 2147483648)

-- name: check_version
-- A number out of range for versions counts as a mismatch.
SELECT acci.check_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s,
                          least(greatest(%(version)s::bigint, -1), 2147483647)::integer);

-- name: lock
-- Waits for another holder up to the session's lock_timeout; 10 s if there is none.
SELECT acci.lock_streams(%(tenant_ids)s, %(aggregate_types)s, %(aggregate_ids)s, %(written)s)
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '10s'), true)
OFFSET 0;

-- name: lock_within
-- The same locks, waited for at most this long.
SELECT acci.lock_streams(%(tenant_ids)s, %(aggregate_types)s, %(aggregate_ids)s, %(written)s)
FROM set_config('lock_timeout', %(milliseconds)s, true)
OFFSET 0;

-- name: first_later
-- The version of the first event of a stream that happened after a point in time, if one is given.
SELECT min(version) AS version
FROM acci.events
WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
  AND "timestamp" > %(as_of)s::timestamptz AND %(as_of)s::timestamptz IS NOT NULL

-- name: of_type
-- The ids of a tenant's aggregates of a type that begin with a text, in the index's order, found by leaps. Only in a
-- database that sorts by bytes do they lie together; elsewhere every id of the type is looked at.
WITH RECURSIVE bounds AS (
    SELECT datcollate IN ('C', 'POSIX') AS are_together FROM pg_catalog.pg_database WHERE datname = current_database()
), found (aggregate_id) AS (
    (SELECT aggregate_id FROM acci.events
     WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s AND aggregate_id > %(after)s
       AND aggregate_id >= (SELECT CASE WHEN are_together THEN %(prefix)s ELSE '' END FROM bounds)
     ORDER BY aggregate_id LIMIT 1)
    UNION ALL
    SELECT (SELECT event.aggregate_id FROM acci.events AS event
            WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type = %(aggregate_type)s
              AND event.aggregate_id > found.aggregate_id
            ORDER BY event.aggregate_id LIMIT 1)
    FROM found
    WHERE found.aggregate_id IS NOT NULL
      AND (starts_with(found.aggregate_id, %(prefix)s) OR NOT (SELECT are_together FROM bounds))
)
SELECT aggregate_id FROM found WHERE starts_with(aggregate_id, %(prefix)s) LIMIT %(page)s;

-- name: all_types
WITH RECURSIVE types (aggregate_type) AS (
    {log/streams:types}
)
SELECT aggregate_type FROM types WHERE aggregate_type IS NOT NULL;

-- name: types
-- The aggregate types in a tenant's log, as the recursive query `types`: a loose index scan of the streams' index.
(SELECT aggregate_type FROM acci.events WHERE tenant_id = %(tenant_id)s ORDER BY aggregate_type LIMIT 1)
UNION ALL
SELECT (SELECT event.aggregate_type FROM acci.events AS event
        WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type > types.aggregate_type
        ORDER BY event.aggregate_type LIMIT 1)
FROM types WHERE types.aggregate_type IS NOT NULL
