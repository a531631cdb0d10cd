-- A stream's version; 0 without one.
SELECT coalesce(max(version), 0)
FROM acci.events
WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s;
