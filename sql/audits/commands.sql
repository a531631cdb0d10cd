-- A command that was handled led to events that are not in the log, or not in its tenant.
-- severity: error
-- place: tenant_id, command
SELECT c.tenant_id, c.id AS command,
       format('The command %%s led to an event at position %%s, and there is none of its tenant.', c.name,
              min(p.position)) AS problem,
       min(p.position) AS position
FROM acci.commands AS c
CROSS JOIN LATERAL unnest(c.positions) AS p (position)
WHERE NOT EXISTS (SELECT FROM acci.events AS e WHERE e.position = p.position AND e.tenant_id = c.tenant_id)
GROUP BY c.tenant_id, c.id, c.name;
