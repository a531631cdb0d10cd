-- How far read models are behind the log.

-- name: checkpoints
SELECT projection, generation, state, checkpoint, advanced_at FROM acci.generations
WHERE state IN ('live', 'building')
ORDER BY projection, state DESC;

-- name: of_checkpoint
-- How far behind the log a checkpoint is, or behind a tenant's events: those counted up to a limit, and when the oldest of
-- them was recorded.
SELECT (SELECT count(*) FROM (SELECT FROM acci.events
                              WHERE position > %(checkpoint)s AND position <= %(head)s
                                AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
                              LIMIT %(limit)s) AS waiting),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events
        WHERE position > %(checkpoint)s AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
        ORDER BY position LIMIT 1);

-- name: add_sample
INSERT INTO acci.lag_samples (projection, events, seconds) VALUES (%(projection)s, %(events)s, %(seconds)s);

-- name: samples
-- Each read model's lag of the last hours: how many hours ago (negative), and seconds behind.
SELECT projection, (extract(epoch FROM sampled_at - clock_timestamp()) / 3600)::float8, seconds
FROM acci.lag_samples
WHERE sampled_at > clock_timestamp() - make_interval(hours => %(hours)s)
ORDER BY projection, sampled_at;
