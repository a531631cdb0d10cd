-- The record of a command that was handled: its idempotency key, what it asked for, and what it led to.

-- name: add
-- For a command that led to nothing; other records are stored with the events, in log/append.sql.
INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
SELECT clock_timestamp(), %(command_id)s, within.tenant_id, %(command_name)s, %(command_content)s, '{}'
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id);

-- name: content
-- The digest of what a command asked for, if it was handled.
SELECT found.content
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT content FROM acci.commands WHERE tenant_id = within.tenant_id AND id = %(command_id)s
) AS found;

-- name: events
-- What a command led to when it was handled.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT e.*
    FROM acci.commands AS c
    CROSS JOIN LATERAL (SELECT {log/events:columns} FROM acci.events WHERE position = ANY (c.positions)) AS e
    WHERE c.tenant_id = within.tenant_id AND c.id = %(command_id)s
    ORDER BY e.position
) AS found;
