UPDATE acci.dead_letters
SET tries = tries + 1, last_tried = clock_timestamp(), error = %(error)s
WHERE generation = %(generation)s AND keys @> jsonb_build_array(%(key)s::jsonb);
