-- The first tenant with events behind this one; the very first without one.
SELECT tenant_id FROM acci.events
WHERE %(tenant_id)s::text IS NULL OR tenant_id > %(tenant_id)s
ORDER BY tenant_id LIMIT 1;
