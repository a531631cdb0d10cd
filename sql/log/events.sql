-- Reading the log and adding to it in bulk.

-- name: columns
-- Of an event as it is decoded, in this order.
position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
event_type, data::text, metadata::text

-- name: page
-- A page of the events of some types in (after, to].
SELECT {log/events:columns}
FROM acci.events
WHERE position > %(after)s AND position <= %(to)s AND event_type = ANY (%(event_types)s::text[])
ORDER BY position
LIMIT %(page)s;

-- name: read
-- A page of all events in (after, to], of these types, that tenant and [since, until) if they are given.
SELECT {log/events:columns}
FROM acci.events
WHERE {log/events:wanted}
ORDER BY position
LIMIT %(page)s;

-- name: read_backwards
-- The same from the end.
SELECT {log/events:columns}
FROM acci.events
WHERE {log/events:wanted}
ORDER BY position DESC
LIMIT %(page)s;

-- name: wanted
position > %(after)s AND position <= %(to)s
  AND (%(event_types)s::text[] IS NULL OR event_type = ANY (%(event_types)s::text[]))
  AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s::text)
  AND (%(since)s::timestamptz IS NULL OR "timestamp" >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR "timestamp" < %(until)s::timestamptz)

-- name: at
-- The events at these positions.
SELECT {log/events:columns} FROM acci.events WHERE position = ANY (%(positions)s::bigint[]) ORDER BY position;

-- name: of_id
-- The event with this id: the first, should there be several.
SELECT {log/events:columns} FROM acci.events_of_ids(ARRAY[%(id)s]::uuid[]) ORDER BY position LIMIT 1;

-- name: of_correlation
-- The events of one correlation, whatever their aggregate; the first so many, if a limit is given.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT {log/events:columns}
    FROM acci.events
    WHERE metadata ->> 'correlation_id' = %(correlation_id)s AND tenant_id = within.tenant_id
    ORDER BY position
    LIMIT %(limit)s
) AS found;

-- name: of_correlation_backwards
-- The same from the end.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT {log/events:columns}
    FROM acci.events
    WHERE metadata ->> 'correlation_id' = %(correlation_id)s AND tenant_id = within.tenant_id
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found;

-- name: payloads
SELECT position, data::text, id FROM acci.events WHERE position = ANY (%(positions)s);

-- name: shapes
-- Every event type and schema version in the log.
SELECT event_type, schema_version, count(*), min(position), max(position)
FROM acci.events
GROUP BY event_type, schema_version
ORDER BY event_type, schema_version;

-- name: last_position
-- The last position drawn.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM acci.events_position_seq;

-- name: copy
COPY acci.events (
    "timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
) FROM STDIN (FORMAT binary);

-- name: analyze
ANALYZE acci.events;
