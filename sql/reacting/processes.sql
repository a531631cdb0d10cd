-- The states of process managers, as last folded.

-- name: load
SELECT p.tenant_id, p.key, p.state::text, p.subject
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS wanted (tenant_id, key)
JOIN acci.processes AS p
  ON p.reaction = %(reaction)s AND p.tenant_id = wanted.tenant_id AND p.key = wanted.key
WHERE p.state_schema = %(state_schema)s;

-- name: save
-- One that is further already stays.
INSERT INTO acci.processes AS known (position, reaction, tenant_id, key, state_schema, subject, state)
SELECT given.position, %(reaction)s, given.tenant_id, given.key, %(state_schema)s, given.subject, given.state
FROM unnest(
    %(positions)s::bigint[], %(tenant_ids)s::text[], %(keys)s::text[], %(subjects)s::text[], %(states)s::jsonb[]
) AS given (position, tenant_id, key, subject, state)
ON CONFLICT (reaction, tenant_id, key) DO UPDATE
SET position = excluded.position, state_schema = excluded.state_schema, subject = excluded.subject, state = excluded.state
WHERE known.position < excluded.position OR known.state_schema <> excluded.state_schema;

-- name: drop
-- They are computed again from the events.
DELETE FROM acci.processes AS p
USING unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS given (tenant_id, key)
WHERE p.reaction = %(reaction)s AND p.tenant_id = given.tenant_id AND p.key = given.key;

-- name: drop_all
DELETE FROM acci.processes WHERE reaction = %(reaction)s;
