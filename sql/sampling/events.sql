-- The events of the chosen keys, in order.
SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
       event_type, data::text, metadata::text
FROM acci.events
WHERE position = ANY (ARRAY(SELECT t.position FROM pg_temp.touches AS t JOIN pg_temp.touched USING (key)))
ORDER BY position;
