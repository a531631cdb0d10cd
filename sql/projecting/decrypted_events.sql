-- The events that a batch reads, decrypted, in a temporary table beside the log.

-- name: create
CREATE TEMPORARY TABLE IF NOT EXISTS decrypted_events (LIKE acci.events) ON COMMIT DROP;

-- name: empty
TRUNCATE pg_temp.decrypted_events;

-- name: copy
COPY pg_temp.decrypted_events (position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type,
                       aggregate_id, event_type, data, metadata) FROM STDIN;

-- name: analyze
ANALYZE pg_temp.decrypted_events;

-- name: page_of_positions
-- A page of the events at these positions.
SELECT {log/events:columns}
FROM acci.events
WHERE position = ANY (%(positions)s) AND position > %(after)s
ORDER BY position
LIMIT %(page)s;
