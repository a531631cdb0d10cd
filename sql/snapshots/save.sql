INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
SELECT within.tenant_id, %(aggregate_type)s, %(aggregate_id)s, %(version)s, %(state_schema)s, %(state)s
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version)
DO UPDATE SET state_schema = EXCLUDED.state_schema, state = EXCLUDED.state, taken_at = EXCLUDED.taken_at;
