-- An aggregate's state, folded up to a version.

-- name: save
INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
SELECT within.tenant_id, %(aggregate_type)s, %(aggregate_id)s, %(version)s, %(state_schema)s, %(state)s
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version)
DO UPDATE SET state_schema = EXCLUDED.state_schema, state = EXCLUDED.state, taken_at = EXCLUDED.taken_at;

-- name: save_many
INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
SELECT tenant_id, aggregate_type, aggregate_id, version, %(state_schema)s, state
FROM unnest(%(tenant_ids)s::text[], %(aggregate_types)s::text[], %(aggregate_ids)s::text[], %(versions)s::integer[],
            %(states)s::jsonb[]) AS taken (tenant_id, aggregate_type, aggregate_id, version, state)
ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version)
DO UPDATE SET state_schema = EXCLUDED.state_schema, state = EXCLUDED.state, taken_at = EXCLUDED.taken_at;

-- name: drop
DELETE FROM acci.snapshots
WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
  AND version = %(version)s;

-- name: sample
-- A random sample of the streams with snapshots.
SELECT tenant_id, aggregate_id FROM acci.snapshots
WHERE aggregate_type = %(aggregate_type)s
GROUP BY tenant_id, aggregate_id
ORDER BY random() LIMIT %(count)s;

-- name: sizes
-- How many snapshots of an aggregate there are, of how many streams, and their size in bytes, as stored.
SELECT count(*), count(DISTINCT (tenant_id, aggregate_id)), coalesce(sum(pg_column_size(s.*)), 0)::bigint
FROM acci.snapshots AS s
WHERE aggregate_type = %(aggregate_type)s;
