SELECT tenant_id, aggregate_id, event_type, data, "timestamp", position
FROM acci.events
WHERE aggregate_type = 'User'
ORDER BY position;
