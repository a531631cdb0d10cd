-- A stream's version; 0 without one.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT coalesce(max(version), 0)
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
) AS found;
