-- The keys that wait behind the dead letters at these positions.
SELECT DISTINCT p.key
FROM acci.dead_letters AS d
CROSS JOIN LATERAL jsonb_array_elements(d.keys) AS k (key)
JOIN acci.parked_keys AS p ON p.generation = d.generation AND p.key = ARRAY(SELECT jsonb_array_elements_text(k.key))
WHERE d.generation = %(generation)s AND d.position = ANY (%(positions)s);
