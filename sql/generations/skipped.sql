-- The discarded events that a generation's rows were made without, and those that count now.
SELECT g.skipped,
       ARRAY(SELECT d.position FROM acci.discarded_events AS d
             JOIN acci.events AS e ON e.position = d.position
             WHERE d.projection = g.projection
               AND CASE WHEN d.event_digest IS NOT NULL THEN d.event_digest = acci.event_digest(e) ELSE false END
             ORDER BY d.position)
FROM acci.generations AS g
WHERE g.generation = %(generation)s;
