-- A timer was set by no decision, so nobody asked for it.
-- severity: error
-- place: reaction, tenant_id, key, name
SELECT t.reaction, t.tenant_id, t.key, t.name,
       format('The timer %%s of %%s for the key %%s is of the event at position %%s, which did not set it.', t.name, t.reaction,
              t.key, t.position) AS problem,
       t.position, t.rewind, t.due
FROM acci.timers AS t
WHERE NOT EXISTS (
    SELECT FROM acci.outcomes AS o JOIN acci.events AS e ON e.position = o.position AND e.id = t.caused_by
    WHERE (o.reaction, o.rewind, o.position, o.tenant_id, o.key)
        = (t.reaction, t.rewind, t.position, t.tenant_id, t.key) AND o.ended = 'decided'
);
