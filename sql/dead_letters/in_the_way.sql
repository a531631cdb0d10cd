-- What the statements of a generation must look out for: parked keys, and the positions to be skipped (discarded, or
-- dead letters whose key cannot be read).
SELECT EXISTS (SELECT FROM acci.parked_keys WHERE generation = %(generation)s),
       ARRAY(SELECT position FROM acci.discarded_events WHERE projection = %(projection)s
             UNION
             SELECT position FROM acci.dead_letters WHERE generation = %(generation)s AND keys = '[]');
