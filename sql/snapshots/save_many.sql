INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
SELECT tenant_id, aggregate_type, aggregate_id, version, %(state_schema)s, state
FROM unnest(%(tenant_ids)s::text[], %(aggregate_types)s::text[], %(aggregate_ids)s::text[], %(versions)s::integer[],
            %(states)s::jsonb[]) AS taken (tenant_id, aggregate_type, aggregate_id, version, state)
ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version)
DO UPDATE SET state_schema = EXCLUDED.state_schema, state = EXCLUDED.state, taken_at = EXCLUDED.taken_at;
