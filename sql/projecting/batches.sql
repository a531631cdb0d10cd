-- The lock under which a batch is applied, and the checkpoint that it moves.

-- name: lock
-- The batch's lock: no other session applies events to this generation, or swaps it, until this transaction ends.
SELECT checkpoint FROM acci.generations
WHERE generation = %(generation)s AND state = %(state)s
FOR UPDATE SKIP LOCKED;

-- name: lock_waiting
-- The batch's lock, waited for up to lock_timeout: a batch under way ends soon.
SELECT checkpoint FROM acci.generations
WHERE generation = %(generation)s AND state = %(state)s
FOR UPDATE;

-- name: advance
-- The batch's last statement: moves the checkpoint, and counts the batch by how long it took until here.
WITH moved AS (
    UPDATE acci.generations SET checkpoint = %(checkpoint)s::bigint, advanced_at = clock_timestamp(),
        kept_at = CASE WHEN state = 'kept' THEN %(checkpoint)s::bigint END
    WHERE generation = %(generation)s
    RETURNING projection, extract(epoch FROM clock_timestamp() - transaction_timestamp())::float8 AS seconds
)
INSERT INTO acci.batch_durations AS known (projection, bucket, batches, seconds)
SELECT projection, width_bucket(seconds, acci.batch_bounds()), 1, seconds FROM moved
ON CONFLICT (projection, bucket) DO UPDATE
SET batches = known.batches + 1, seconds = known.seconds + excluded.seconds;

-- name: correlations
-- The correlations whose events a batch applied or made dead letters, among its last thousand positions.
SELECT event.tenant_id, event.metadata ->> 'correlation_id', min(event.position), max(event.position),
       count(*), count(letter.position)
FROM acci.events AS event
LEFT JOIN acci.dead_letters AS letter ON letter.generation = %(generation)s AND letter.position = event.position
WHERE event.position > greatest(%(after)s, %(upto)s - 1000) AND event.position <= %(upto)s
  AND event.event_type = ANY (%(event_types)s) AND event.metadata ->> 'correlation_id' IS NOT NULL
GROUP BY 1, 2
ORDER BY max(event.position) DESC
LIMIT 100;
