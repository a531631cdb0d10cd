-- The batch's last statement: moves the checkpoint, and counts the batch by how long it took until here.
WITH moved AS (
    UPDATE acci.generations SET checkpoint = %(checkpoint)s, advanced_at = clock_timestamp(),
        kept_at = CASE WHEN state = 'kept' THEN %(checkpoint)s END
    WHERE generation = %(generation)s
    RETURNING projection, extract(epoch FROM clock_timestamp() - transaction_timestamp())::float8 AS seconds
)
INSERT INTO acci.batch_durations AS known (projection, bucket, batches, seconds)
SELECT projection, width_bucket(seconds, acci.batch_bounds()), 1, seconds FROM moved
ON CONFLICT (projection, bucket) DO UPDATE
SET batches = known.batches + 1, seconds = known.seconds + excluded.seconds;
