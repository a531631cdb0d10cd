-- As load.sql, for somebody who knows the state at a version: the event there, and those behind it.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
           event_type, data::text, metadata::text
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
      AND version >= %(version)s
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, '', encode(content, 'hex'), NULL
    FROM acci.commands
    WHERE tenant_id = within.tenant_id AND id = %(command_id)s
    OFFSET 0
) AS found
ORDER BY found.version;
