SELECT key FROM pg_temp.touched AS t
WHERE NOT EXISTS (SELECT FROM acci.parked_keys AS p WHERE p.generation = %(generation)s AND p.key = t.key);
