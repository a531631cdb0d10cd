INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
VALUES (
    %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(version)s, %(state_schema)s, %(state)s
)
ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version)
DO UPDATE SET state_schema = EXCLUDED.state_schema, state = EXCLUDED.state, taken_at = EXCLUDED.taken_at;
