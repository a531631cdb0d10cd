-- The events that a person left out, with what they are; of a session that sees one tenant, that tenant's.
SELECT d.projection, d.position, e.event_type, d.reason, d.discarded_at
FROM acci.discarded_events AS d
JOIN acci.events AS e USING (position)
WHERE %(projection)s::text IS NULL OR d.projection = %(projection)s
ORDER BY d.projection, d.position;
