-- Metrics that are stored as they arise, so that reading them needs no history.

-- name: event_counts
SELECT event_type, events FROM acci.event_counts ORDER BY event_type;

-- name: count_events
-- Counts at most so many further positions; none if another session is counting now. Everything up to `upto` was final
-- before this statement began. Returns the position reached.
WITH turn AS (
    SELECT position AS after, least(%(upto)s, position + %(stride)s) AS upto
    FROM acci.counted WHERE position < %(upto)s FOR UPDATE SKIP LOCKED
), found AS (
    SELECT event_type, count(*) AS events FROM turn
    JOIN acci.events ON position > turn.after AND position <= turn.upto
    GROUP BY event_type
), kept AS (
    INSERT INTO acci.event_counts AS known (event_type, events) SELECT event_type, events FROM found
    ON CONFLICT (event_type) DO UPDATE SET events = known.events + excluded.events
)
UPDATE acci.counted SET position = turn.upto FROM turn RETURNING position;

-- name: batch_bounds
SELECT acci.batch_bounds();

-- name: batch_durations
SELECT projection, bucket, batches, seconds FROM acci.batch_durations ORDER BY projection, bucket;

-- name: rebuilds
-- The generations in the making: what share of the positions their partitions have done.
SELECT g.projection, g.generation,
       coalesce(sum(p.checkpoint)::float8 / nullif(sum(p.target), 0), 1)
FROM acci.generations AS g
JOIN acci.partitions AS p USING (generation)
WHERE g.state = 'building'
GROUP BY g.projection, g.generation
ORDER BY g.projection;

-- name: snapshot_sizes
SELECT sizes FROM acci.snapshot_sizes;

-- name: measure_snapshots
-- Measures the stored snapshots again, unless that was done recently; does not wait for another session.
UPDATE acci.snapshot_sizes SET
    measured_at = clock_timestamp(),
    sizes = coalesce((
        SELECT jsonb_agg(jsonb_build_array(aggregate_type, bucket, snapshots, bytes))
        FROM (SELECT aggregate_type, width_bucket(pg_column_size(state), %(bounds)s::integer[]) AS bucket,
                     count(*) AS snapshots, sum(pg_column_size(state)) AS bytes
              FROM acci.snapshots GROUP BY 1, 2) AS measured
    ), '[]')
WHERE only_row = (SELECT only_row FROM acci.snapshot_sizes
                  WHERE measured_at < clock_timestamp() - make_interval(secs => %(seconds)s)
                  FOR UPDATE SKIP LOCKED);
