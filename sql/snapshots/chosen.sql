-- Streams with snapshots, drawn by chance.
SELECT tenant_id, aggregate_id FROM acci.snapshots
WHERE aggregate_type = %(aggregate_type)s
GROUP BY tenant_id, aggregate_id
ORDER BY random() LIMIT %(count)s;
