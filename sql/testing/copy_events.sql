COPY acci.events (position, "timestamp", recorded_at, id, version, schema_version,
                  tenant_id, aggregate_type, aggregate_id, event_type, data, metadata) FROM STDIN;
