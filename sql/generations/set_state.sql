UPDATE acci.generations
SET state = %(state)s, published_at = CASE WHEN %(state)s = 'live' THEN clock_timestamp() ELSE published_at END
WHERE generation = %(generation)s;
