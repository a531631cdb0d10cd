WITH letters AS (DELETE FROM acci.dead_letters WHERE generation = %(generation)s)
DELETE FROM acci.parked_keys WHERE generation = %(generation)s;
