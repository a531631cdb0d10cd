COPY acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
FROM STDIN;
