-- Several events of one stream, as one.sql; if a command led to them, with its memory. All are recorded at one moment.
WITH stored AS (
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    SELECT "timestamp", id,
           CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
                WHEN %(gives_way)s AND acci.is_turn_taken(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s)
                     THEN acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC004')
                WHEN %(expected_version)s::integer = 0 THEN 0
                ELSE coalesce(
                    (SELECT version FROM acci.events
                     WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s
                       AND aggregate_id = %(aggregate_id)s AND version = %(expected_version)s::integer
                       AND id = coalesce(%(follows)s::uuid, id)),
                    acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC001'))
           END + place,
           schema_version, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, event_type, data, metadata
    FROM unnest(
        %(timestamps)s::timestamptz[], %(ids)s::uuid[], %(schema_versions)s::integer[], %(event_types)s::text[],
        %(datas)s::jsonb[], %(metadatas)s::jsonb[]
    ) WITH ORDINALITY AS given ("timestamp", id, schema_version, event_type, data, metadata, place)
    ORDER BY place
    RETURNING position, version, recorded_at
), remembered AS (
    INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
    SELECT min(recorded_at), %(command_id)s::uuid, %(tenant_id)s, %(command_name)s, %(command_content)s,
           array_agg(position ORDER BY version)
    FROM stored
    HAVING %(command_id)s::uuid IS NOT NULL
)
SELECT position, recorded_at FROM stored ORDER BY version;
