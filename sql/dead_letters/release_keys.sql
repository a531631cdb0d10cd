DELETE FROM acci.parked_keys AS p
USING jsonb_array_elements(%(keys)s) AS released (key)
WHERE p.generation = %(generation)s
  AND p.key = ARRAY(SELECT jsonb_array_elements_text(released.key));
