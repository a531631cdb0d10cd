-- An event was left out, and no key waits for it.
-- severity: warning
-- place: projection, position
SELECT g.projection, d.position,
       CASE WHEN d.keys = '[]'
            THEN format('The event at position %%s was left out, it is not known for which rows: %%s', d.position, d.error)
            ELSE format('The event at position %%s was left out, and none of its keys is parked behind it: %%s', d.position,
                        d.error) END AS problem,
       d.generation, d.event_type
FROM acci.dead_letters AS d
JOIN acci.generations AS g USING (generation)
WHERE g.state IN ('live', 'building')
  AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.keys) AS k (key)
                  JOIN acci.parked_keys AS p
                    ON p.generation = d.generation AND p.key = ARRAY(SELECT jsonb_array_elements_text(k.key)));
