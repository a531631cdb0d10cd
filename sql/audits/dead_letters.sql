-- An event could not be applied, and it is not known which rows it would have touched.
-- severity: warning
-- place: projection, position
SELECT g.projection, d.position, format('The event at position %%s was left out: %%s', d.position, d.error) AS problem,
       d.generation, d.event_type
FROM acci.dead_letters AS d
JOIN acci.generations AS g USING (generation)
WHERE g.state IN ('live', 'building') AND d.keys = '[]';
