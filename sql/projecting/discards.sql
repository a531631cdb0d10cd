-- The events that a person left out of a projection for good.

-- name: add
SELECT acci.discard(%(dead_letter)s, %(reason)s);

-- name: list
-- The events that a person left out, with what they are; of a session that sees one tenant, that tenant's.
SELECT d.projection, d.position, e.event_type, d.reason, d.discarded_at
FROM acci.discarded_events AS d
JOIN acci.events AS e USING (position)
WHERE %(projection)s::text IS NULL OR d.projection = %(projection)s
ORDER BY d.projection, d.position;

-- name: skipped
-- The discarded events that a generation's rows were made without, and those that are discarded now.
SELECT g.skipped,
       ARRAY(SELECT d.position FROM acci.discarded_events AS d
             JOIN acci.events AS e ON e.position = d.position
             WHERE d.projection = g.projection
               AND CASE WHEN d.event_digest IS NOT NULL THEN d.event_digest = acci.event_digest(e) ELSE false END
             ORDER BY d.position)
FROM acci.generations AS g
WHERE g.generation = %(generation)s;

-- name: record_skipped
UPDATE acci.generations SET skipped = %(skipped)s WHERE generation = %(generation)s;
