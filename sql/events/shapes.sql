-- Every event type and schema version in the log.
SELECT event_type, schema_version, count(*), min(position), max(position)
FROM acci.events
GROUP BY event_type, schema_version
ORDER BY event_type, schema_version;
