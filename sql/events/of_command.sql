-- What a command led to when it was handled.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT e.position, e."timestamp", e.recorded_at, e.id, e.version, e.schema_version, e.tenant_id, e.aggregate_type,
           e.aggregate_id, e.event_type, e.data::text, e.metadata::text
    FROM acci.commands AS c
    JOIN acci.events AS e ON e.position = ANY (c.positions)
    WHERE c.tenant_id = within.tenant_id AND c.id = %(command_id)s
    ORDER BY e.position
) AS found;
