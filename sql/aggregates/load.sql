-- All that a decision needs, in one round trip and one snapshot. The tenant is set for this statement, before anything
-- below is read.

-- name: state
-- The command, if it was handled before (version 0), the newest snapshot that fits (no event type; its id is that of the
-- event there), the events behind it. As of a point in time: what came before the first event that happened later, so that
-- it is a state that existed.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    WITH snapshot AS (
        SELECT version, state, e.id
        FROM acci.snapshots AS s
        JOIN acci.events AS e USING (tenant_id, aggregate_type, aggregate_id, version)
        WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
          AND state_schema = %(state_schema)s AND version <= least(%(to_version)s::bigint, 2147483647)
        ORDER BY version DESC
        LIMIT 1
    ), later AS (
        {log/streams:first_later}
    )
    SELECT {log/events:columns}
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
      AND version > coalesce((SELECT version FROM snapshot), 0)
      AND version <= least(%(to_version)s::bigint, 2147483647)
      AND version < coalesce((SELECT version FROM later), 2147483648)
    UNION ALL
    SELECT NULL, NULL, NULL, id, version, NULL, NULL, NULL, NULL, NULL, state::text, NULL
    FROM snapshot
    UNION ALL
    {aggregates/load:command}
    OFFSET 0
) AS found
ORDER BY found.version;

-- name: behind
-- For a program that knows the state at a version: the event there, and those after it.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT {log/events:columns}
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
      AND version >= %(version)s
    UNION ALL
    {aggregates/load:command}
    OFFSET 0
) AS found
ORDER BY found.version;

-- name: command
-- The digest of what the command asked for, if it was handled before, as a row of version 0.
SELECT NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, '', encode(content, 'hex'), NULL
FROM acci.commands
WHERE tenant_id = within.tenant_id AND id = %(command_id)s
