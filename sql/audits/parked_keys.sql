-- A key of a read model waits behind an event that could not be applied.
-- severity: warning
-- place: projection, key
-- repair: parked_keys
SELECT g.projection, array_to_string(p.key, '/', 'NULL') AS key,
       format('%%s is parked behind the event at position %%s: %%s', array_to_string(p.key, '/', 'NULL'), p.position,
              coalesce(d.error, 'its dead letter is gone')) AS problem,
       p.generation, p.position
FROM acci.parked_keys AS p
JOIN acci.generations AS g USING (generation)
LEFT JOIN acci.dead_letters AS d ON d.generation = p.generation AND d.position = p.position
WHERE g.state IN ('live', 'building');
