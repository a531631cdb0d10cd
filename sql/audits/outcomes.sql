-- A reaction has no outcome of an event that it handled; or an event that it decided waits to be decided, too.
-- severity: error
-- place: reaction, tenant_id, position
WITH handled AS MATERIALIZED (
    SELECT c.reaction, c.rewind, c.stream_type, c.event_types, c.after,
           least(lead(c.after) OVER (PARTITION BY c.reaction, c.rewind ORDER BY c.after), r.checkpoint) AS upto
    FROM acci.reaction_code AS c JOIN acci.reactions AS r USING (reaction)
), expected AS (
    SELECT h.reaction, h.rewind, e.tenant_id, e.position, e.event_type
    FROM handled AS h
    JOIN audited_events AS e ON e.position > h.after AND e.position <= h.upto AND e.event_type = ANY (h.event_types)
    WHERE (e.event_type NOT IN ('TimerFired', 'CommandRefused') OR e.aggregate_type = h.stream_type)
      AND NOT EXISTS (SELECT FROM acci.rewinds AS later
                      WHERE later.reaction = h.reaction AND later.rewind > h.rewind AND later.position < e.position)
)
SELECT e.reaction, e.tenant_id, e.position,
       CASE WHEN o.position IS NULL
            THEN format('%%s has neither decided the %%s at position %%s nor set it aside.', e.reaction, e.event_type,
                        e.position)
            ELSE format('%%s has decided the %%s at position %%s, which waits to be decided all the same.', e.reaction,
                        e.event_type, e.position) END AS problem,
       e.rewind, e.event_type
FROM expected AS e
LEFT JOIN acci.outcomes AS o USING (reaction, rewind, position)
LEFT JOIN acci.undecided AS u USING (reaction, rewind, position)
WHERE (o.position IS NULL) = (u.position IS NULL);
