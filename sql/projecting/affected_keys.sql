-- The keys of a read model that events affect, and the events of each, in temporary tables.

-- name: create
CREATE TEMPORARY TABLE affected_keys (key text[] NOT NULL) ON COMMIT DROP;

-- name: drop
DROP TABLE IF EXISTS pg_temp.affected_keys;

-- name: copy
COPY affected_keys (key) FROM STDIN;

-- name: analyze
ANALYZE affected_keys;

-- name: list
SELECT key FROM affected_keys;

-- name: not_parked
SELECT key FROM pg_temp.affected_keys AS t
WHERE NOT EXISTS (SELECT FROM acci.parked_keys AS p WHERE p.generation = %(generation)s AND p.key = t.key);

-- name: count
SELECT count(*) FROM affected_keys;

-- name: remove
DELETE FROM pg_temp.affected_keys WHERE key = %(key)s::text[];

-- name: remove_parked
-- Parked keys wait for their dead letters to be retried.
DELETE FROM pg_temp.affected_keys AS t
USING acci.parked_keys AS p
WHERE p.generation = %(generation)s AND p.key = t.key;

-- name: remove_others
-- Leave only these keys among those chosen.
DELETE FROM affected_keys
WHERE key NOT IN (SELECT ARRAY(SELECT jsonb_array_elements_text(k)) FROM jsonb_array_elements(%(keys)s) AS k);

-- name: create_events
CREATE TEMPORARY TABLE affected_events (key text[] NOT NULL, position bigint NOT NULL) ON COMMIT DROP;

-- name: copy_events
COPY affected_events (key, position) FROM STDIN;

-- name: analyze_events
ANALYZE affected_events;
