-- All events of one correlation, whatever their aggregate.
SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
       event_type, data::text, metadata::text
FROM acci.events
WHERE metadata ->> 'correlation_id' = %(correlation_id)s AND tenant_id = %(tenant_id)s
ORDER BY position;
