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
