-- Stores the events of one stream, if it is at the expected version, and the command that led to them. CASE sets the
-- order of evaluation: the tenant first, which the rest is seen by. A stream below that version, or with another event
-- there than the expected one, is refused with SQLSTATE AC001; one above it, by the unique constraint.

-- name: event
INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type,
                         data, metadata)
VALUES (
    %(timestamp)s, %(id)s,
    CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
         WHEN %(expected_version)s::integer = 0 THEN 1
         ELSE 1 + {log/append:version}
    END,
    %(schema_version)s, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(event_type)s, %(data)s, %(metadata)s
)
RETURNING position, recorded_at;

-- name: event_of_command
-- One event, and the record of the command that led to it.
WITH stored AS (
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (
        %(timestamp)s, %(id)s,
        CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
             WHEN %(gives_way)s AND acci.is_turn_taken(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s)
                  THEN acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC004')
             WHEN %(expected_version)s::integer = 0 THEN 1
             ELSE 1 + {log/append:version}
        END,
        %(schema_version)s, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(event_type)s, %(data)s, %(metadata)s
    )
    RETURNING position, recorded_at
)
INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
SELECT recorded_at, %(command_id)s, %(tenant_id)s, %(command_name)s, %(command_content)s, ARRAY[position]
FROM stored
RETURNING positions[1], recorded_at;

-- name: events
-- Several events of one stream; if a command led to them, with its record. All have the same recorded_at.
WITH stored AS (
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    SELECT "timestamp", id,
           CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
                WHEN %(gives_way)s AND acci.is_turn_taken(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s)
                     THEN acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC004')
                WHEN %(expected_version)s::integer = 0 THEN 0
                ELSE {log/append:version}
           END + place,
           schema_version, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, event_type, data, metadata
    FROM unnest(
        %(timestamps)s::timestamptz[], %(ids)s::uuid[], %(schema_versions)s::integer[], %(event_types)s::text[],
        %(datas)s::jsonb[], %(metadatas)s::jsonb[]
    ) WITH ORDINALITY AS given ("timestamp", id, schema_version, event_type, data, metadata, place)
    ORDER BY place
    RETURNING position, version, recorded_at
), recorded AS (
    INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
    SELECT min(recorded_at), %(command_id)s::uuid, %(tenant_id)s, %(command_name)s, %(command_content)s,
           array_agg(position ORDER BY version)
    FROM stored
    HAVING %(command_id)s::uuid IS NOT NULL
)
SELECT position, recorded_at FROM stored ORDER BY version;

-- name: version
-- The expected version, which the stream has, or SQLSTATE AC001.
coalesce(
    (SELECT version FROM acci.events
     WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
       AND version = %(expected_version)s::integer AND id = coalesce(%(follows)s::uuid, id)),
    acci.refuse_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'AC001'))
