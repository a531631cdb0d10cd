-- Measures the snapshots anew, as they are stored, unless that was done lately; nobody waits for another.
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
