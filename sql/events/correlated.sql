-- The events of one correlation, whatever their aggregate; the newest so many, if a limit is given.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
           event_type, data::text, metadata::text
    FROM acci.events
    WHERE metadata ->> 'correlation_id' = %(correlation_id)s AND tenant_id = within.tenant_id
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.position;
