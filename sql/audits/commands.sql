-- A command's record does not fit its events: sent again, it would be answered wrongly.
-- severity: error
-- place: tenant_id, command
WITH wrong AS (
    SELECT c.tenant_id, c.id, p.position,
           CASE WHEN e.position IS NULL
                THEN format('The command %%s led to an event at position %%s, and there is none of its tenant.', c.name, p.position)
                ELSE format('The command %%s led to the event at position %%s, which names %%s as its cause: memories were '
                            'exchanged or changed.', c.name, p.position, coalesce(e.metadata ->> 'causation_id', 'nothing'))
           END AS problem
    FROM acci.commands AS c
    CROSS JOIN LATERAL unnest(c.positions) AS p (position)
    LEFT JOIN acci.events AS e ON e.position = p.position AND e.tenant_id = c.tenant_id
    WHERE e.metadata ->> 'causation_id' IS DISTINCT FROM c.id::text
    UNION ALL
    SELECT c.tenant_id, c.id, e.position,
           format('The event at position %%s names the command %%s as its cause, whose record does not have it: it was '
                  'emptied or changed.', e.position, c.name)
    FROM acci.events AS e
    JOIN acci.commands AS c ON c.tenant_id = e.tenant_id AND c.id::text = e.metadata ->> 'causation_id'
    WHERE NOT e.position = ANY (c.positions)
    UNION ALL
    -- With personal data, the ids of keys come first; once the person was erased, nothing may be left.
    SELECT c.tenant_id, c.id, NULL,
           format('What the command %%s asked for is not recorded as it should be: another one with its id would be '
                  'taken for it.', c.name)
    FROM acci.commands AS c
    WHERE CASE WHEN c.content = '' THEN NOT EXISTS (
                   SELECT FROM acci.events AS e
                   WHERE e.position = ANY (c.positions) AND e.data::text LIKE '%%"acci.personal"%%')
               ELSE octet_length(c.content) < 32 OR octet_length(c.content) %% 16 <> 0 END
)
SELECT DISTINCT ON (tenant_id, id) tenant_id, id AS command, problem, position
FROM wrong
ORDER BY tenant_id, id, position;
