-- Parked keys wait for their dead letters to be retried.
DELETE FROM pg_temp.touched AS t
USING acci.parked_keys AS p
WHERE p.generation = %(generation)s AND p.key = t.key;
