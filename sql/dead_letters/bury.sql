INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)
SELECT %(generation)s, e.position, e.event_type, %(keys)s, %(error)s, e.data
FROM acci.events AS e WHERE e.position = %(position)s
ON CONFLICT (generation, position) DO UPDATE
    SET error = excluded.error, keys = excluded.keys, tries = dead_letters.tries + 1, last_tried = clock_timestamp();
