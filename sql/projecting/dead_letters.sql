-- Events that a projection could not apply.

-- name: record
INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)
SELECT %(generation)s, e.position, e.event_type, %(keys)s, %(error)s, e.data
FROM acci.events AS e WHERE e.position = %(position)s
ON CONFLICT (generation, position) DO UPDATE
    SET error = excluded.error, keys = excluded.keys, tries = dead_letters.tries + 1, last_tried = clock_timestamp();

-- name: count
SELECT count(*) FROM acci.dead_letters WHERE generation = %(generation)s;

-- name: list
SELECT d.dead_letter, g.projection, d.generation, d.position, d.event_type, d.keys, d.error, d.payload, d.tries,
       d.first_seen, d.last_tried
FROM acci.dead_letters AS d
JOIN acci.generations AS g USING (generation)
WHERE g.state IN ('live', 'building', 'rejected')
  AND (%(projection)s::text IS NULL OR g.projection = %(projection)s)
  AND (%(dead_letter)s::bigint IS NULL OR d.dead_letter = %(dead_letter)s)
ORDER BY g.projection, d.position;

-- name: of_generation
SELECT position, event_type, keys, error FROM acci.dead_letters WHERE generation = %(generation)s ORDER BY position;

-- name: of_live
-- The events that live read models could not apply, and the keys that wait behind them.
SELECT g.projection,
       (SELECT count(*) FROM acci.dead_letters AS d WHERE d.generation = g.generation),
       (SELECT count(*) FROM acci.parked_keys AS p WHERE p.generation = g.generation)
FROM acci.generations AS g
WHERE g.state = 'live'
ORDER BY g.projection;

-- name: new_to_live
-- How many of a generation's dead letters its projection's live generation does not have.
SELECT count(*)
FROM acci.dead_letters AS d
WHERE d.generation = %(generation)s
  AND NOT EXISTS (SELECT FROM acci.dead_letters AS known
                  JOIN acci.generations AS g USING (generation)
                  WHERE g.projection = %(projection)s AND g.state = 'live' AND known.position = d.position);

-- name: unreadable
SELECT position FROM acci.dead_letters WHERE generation = %(generation)s AND keys = '[]';

-- name: failed_again
UPDATE acci.dead_letters
SET tries = tries + 1, last_tried = clock_timestamp(), error = %(error)s
WHERE generation = %(generation)s AND keys @> jsonb_build_array(%(key)s::jsonb);

-- name: resolve
-- Dead letters without parked keys; one whose key cannot be read stays until it can.
DELETE FROM acci.dead_letters AS d
WHERE d.generation = %(generation)s AND d.keys <> '[]'
  AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.keys) AS k (key)
                  JOIN acci.parked_keys AS p
                    ON p.generation = d.generation AND p.key = ARRAY(SELECT jsonb_array_elements_text(k.key)));

-- name: remove
DELETE FROM acci.dead_letters WHERE generation = %(generation)s AND position = %(position)s;

-- name: remove_unreadable
DELETE FROM acci.dead_letters
WHERE generation = %(generation)s AND position = ANY (%(positions)s) AND keys = '[]';
