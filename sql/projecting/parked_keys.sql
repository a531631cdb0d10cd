-- The keys that wait behind dead letters.

-- name: park
INSERT INTO acci.parked_keys (generation, key, position)
VALUES (%(generation)s, %(key)s, %(position)s)
ON CONFLICT (generation, key) DO NOTHING;

-- name: of_generation
SELECT key FROM acci.parked_keys WHERE generation = %(generation)s ORDER BY key;

-- name: behind
-- The keys that wait behind the dead letters at these positions.
SELECT DISTINCT p.key
FROM acci.dead_letters AS d
CROSS JOIN LATERAL jsonb_array_elements(d.keys) AS k (key)
JOIN acci.parked_keys AS p ON p.generation = d.generation AND p.key = ARRAY(SELECT jsonb_array_elements_text(k.key))
WHERE d.generation = %(generation)s AND d.position = ANY (%(positions)s);

-- name: release
DELETE FROM acci.parked_keys AS p
USING jsonb_array_elements(%(keys)s) AS released (key)
WHERE p.generation = %(generation)s
  AND p.key = ARRAY(SELECT jsonb_array_elements_text(released.key));
