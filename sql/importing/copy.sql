COPY staged (
    "timestamp", id, line, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
) FROM STDIN (FORMAT binary);
