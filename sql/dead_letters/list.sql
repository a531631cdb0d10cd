SELECT d.dead_letter, g.projection, d.generation, d.position, d.event_type, d.keys, d.error, d.payload, d.tries,
       d.first_seen, d.last_tried
FROM acci.dead_letters AS d
JOIN acci.generations AS g USING (generation)
WHERE g.state IN ('live', 'building', 'rejected')
  AND (%(projection)s::text IS NULL OR g.projection = %(projection)s)
  AND (%(dead_letter)s::bigint IS NULL OR d.dead_letter = %(dead_letter)s)
ORDER BY g.projection, d.position;
