-- The lines of a file in a temporary table, before they become events.

-- name: create
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    "timestamp"    timestamptz,
    id             uuid,
    line           bigint,
    schema_version integer,
    tenant_id      text,
    aggregate_type text,
    aggregate_id   text,
    event_type     text,
    data           jsonb,
    metadata       jsonb
);

-- name: copy
COPY staged (
    "timestamp", id, line, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
) FROM STDIN (FORMAT binary);

-- name: analyze
ANALYZE staged (id, tenant_id, aggregate_type, aggregate_id, line);

-- name: count
SELECT count(*) FROM staged;

-- name: empty
TRUNCATE staged;
