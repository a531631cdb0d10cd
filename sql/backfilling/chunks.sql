-- The chunks of keys of a backfill: a rerun resumes with the missing ones.

-- name: cut
-- The chosen keys in chunks, in an order that keeps a tenant's together.
INSERT INTO acci.backfill_chunks (backfill, chunk, size, keys)
SELECT %(backfill)s, chunk, count(*), jsonb_agg(to_jsonb(key))
FROM (SELECT key, (row_number() OVER (ORDER BY key) - 1) / %(size)s AS chunk FROM pg_temp.affected_keys) AS numbered
GROUP BY chunk;

-- name: list
SELECT chunk, state, size, rows, seconds, error FROM acci.backfill_chunks
WHERE backfill = %(backfill)s
ORDER BY chunk;

-- name: lock
SELECT keys FROM acci.backfill_chunks
WHERE backfill = %(backfill)s AND chunk = %(chunk)s AND state <> 'done'
FOR UPDATE;

-- name: done
UPDATE acci.backfill_chunks
SET state = 'done', rows = %(rows)s, seconds = %(seconds)s, keys = '[]', error = NULL, ended_at = clock_timestamp()
WHERE backfill = %(backfill)s AND chunk = %(chunk)s;

-- name: failed
UPDATE acci.backfill_chunks SET state = 'failed', error = %(error)s, ended_at = clock_timestamp()
WHERE backfill = %(backfill)s AND chunk = %(chunk)s AND state <> 'done';
