-- The keys of a read model that are re-derived (touched), and the events of each (touches), in temporary tables.

-- name: create
CREATE TEMPORARY TABLE touched (key text[] NOT NULL) ON COMMIT DROP;

-- name: drop
DROP TABLE IF EXISTS pg_temp.touched;

-- name: copy
COPY touched (key) FROM STDIN;

-- name: analyze
ANALYZE touched;

-- name: list
SELECT key FROM touched;

-- name: not_parked
SELECT key FROM pg_temp.touched AS t
WHERE NOT EXISTS (SELECT FROM acci.parked_keys AS p WHERE p.generation = %(generation)s AND p.key = t.key);

-- name: count
SELECT count(*) FROM touched;

-- name: remove
DELETE FROM pg_temp.touched WHERE key = %(key)s::text[];

-- name: remove_parked
-- Parked keys wait for their dead letters to be retried.
DELETE FROM pg_temp.touched AS t
USING acci.parked_keys AS p
WHERE p.generation = %(generation)s AND p.key = t.key;

-- name: remove_others
-- Leave only these keys among those chosen.
DELETE FROM touched
WHERE key NOT IN (SELECT ARRAY(SELECT jsonb_array_elements_text(k)) FROM jsonb_array_elements(%(keys)s) AS k);

-- name: create_events
CREATE TEMPORARY TABLE touches (key text[] NOT NULL, position bigint NOT NULL) ON COMMIT DROP;

-- name: copy_events
COPY touches (key, position) FROM STDIN;

-- name: analyze_events
ANALYZE touches;
