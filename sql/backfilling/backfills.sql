-- Parts of live read models that are re-derived.

-- name: add
INSERT INTO acci.backfills (projection, generation, selection)
VALUES (%(projection)s, %(generation)s, %(selection)s)
RETURNING backfill;

-- name: find
-- A backfill of the same part of the same generation that has not ended.
SELECT backfill FROM acci.backfills
WHERE generation = %(generation)s AND selection = %(selection)s AND state = 'running'
ORDER BY backfill DESC LIMIT 1;

-- name: end
UPDATE acci.backfills SET state = %(state)s, finished_at = clock_timestamp() WHERE backfill = %(backfill)s;
