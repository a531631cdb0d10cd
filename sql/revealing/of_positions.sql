-- A page of the events at these positions.
SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
       event_type, data::text, metadata::text
FROM acci.events
WHERE position = ANY (%(positions)s) AND position > %(after)s
ORDER BY position
LIMIT %(page)s;
