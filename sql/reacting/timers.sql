-- Timers: what happens later, unless it is cancelled or replaced before.

-- name: drop
-- Those of these names, which are cancelled or replaced.
DELETE FROM acci.timers AS t
USING unnest(%(tenant_ids)s::text[], %(keys)s::text[], %(names)s::text[]) AS given (tenant_id, key, name)
WHERE t.reaction = %(reaction)s AND t.tenant_id = given.tenant_id AND t.key = given.key AND t.name = given.name;

-- name: copy
COPY acci.timers (
    due, position, rewind, ordinal, schema_version, event_id, caused_by, reaction, stream_type, tenant_id, key, name, kind,
    topic, correlation_id, subject, content
) FROM STDIN (FORMAT binary);
