-- As one.sql, and the memory of the command that led to it.
WITH stored AS (
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (
        %(timestamp)s, %(id)s,
        CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
             WHEN %(gives_way)s AND acci.is_turn_taken(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s)
                  THEN acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC004')
             WHEN %(expected_version)s::integer = 0 THEN 1
             ELSE coalesce(
                 (SELECT version + 1 FROM acci.events
                  WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s
                    AND aggregate_id = %(aggregate_id)s AND version = %(expected_version)s::integer
                    AND id = coalesce(%(follows)s::uuid, id)),
                 acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC001'))
        END,
        %(schema_version)s, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(event_type)s, %(data)s, %(metadata)s
    )
    RETURNING position, recorded_at
)
INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
SELECT recorded_at, %(command_id)s, %(tenant_id)s, %(command_name)s, %(command_content)s, ARRAY[position]
FROM stored
RETURNING positions[1], recorded_at;
