-- One event, if its stream is at the expected version. CASE decides the order: the tenant first, by whom the rest is
-- seen. A stream that is not so far yet, or has another event there than the one that this follows, is refused with
-- SQLSTATE AC001; one that is further, by the unique constraint.
INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type,
                         data, metadata)
VALUES (
    %(timestamp)s, %(id)s,
    CASE WHEN set_config('acci.tenant', %(tenant_id)s, true) IS NULL THEN NULL
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
RETURNING position, recorded_at;
