-- An event names a command that has no record: sent again, it would be handled a second time.
-- severity: warning
-- place: tenant_id, command
SELECT e.tenant_id, e.metadata ->> 'causation_id' AS command,
       format('The event at position %%s names the command %%s as its cause, of which there is no record: sent again, it would be '
              'handled a second time. Leave it if the event was imported with its cause.',
              min(e.position), e.metadata ->> 'causation_id') AS problem,
       min(e.position) AS position, count(*) AS events
FROM audited_events AS e
WHERE e.metadata ->> 'causation_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  AND NOT EXISTS (SELECT FROM acci.commands AS c
                  WHERE c.tenant_id = e.tenant_id AND c.id::text = e.metadata ->> 'causation_id')
  AND NOT EXISTS (SELECT FROM acci.events AS cause WHERE cause.id::text = e.metadata ->> 'causation_id')
GROUP BY e.tenant_id, e.metadata ->> 'causation_id';
