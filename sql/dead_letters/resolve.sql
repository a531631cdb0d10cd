-- Letters none of whose keys is parked any more; one whose key was never readable stays until it is.
DELETE FROM acci.dead_letters AS d
WHERE d.generation = %(generation)s AND d.keys <> '[]'
  AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.keys) AS k (key)
                  JOIN acci.parked_keys AS p
                    ON p.generation = d.generation AND p.key = ARRAY(SELECT jsonb_array_elements_text(k.key)));
