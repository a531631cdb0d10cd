-- The streams of an aggregate with enough events behind the newest snapshot that fits, or with none that fits any more.
INSERT INTO pg_temp.due_snapshots (tenant_id, aggregate_type, aggregate_id, snapshot_version, version)
SELECT tenant_id, aggregate_type, aggregate_id, coalesce(s.fitting, 0), e.version
FROM (
    SELECT tenant_id, aggregate_type, aggregate_id, max(version) AS version FROM acci.events
    WHERE aggregate_type = %(aggregate_type)s
    GROUP BY tenant_id, aggregate_type, aggregate_id
) AS e
LEFT JOIN (
    SELECT tenant_id, aggregate_type, aggregate_id, max(version) AS version,
           max(version) FILTER (WHERE state_schema = %(state_schema)s) AS fitting
    FROM acci.snapshots
    WHERE aggregate_type = %(aggregate_type)s
    GROUP BY tenant_id, aggregate_type, aggregate_id
) AS s USING (tenant_id, aggregate_type, aggregate_id)
WHERE e.version - coalesce(s.fitting, 0) >= %(every)s OR (s.version IS NOT NULL AND s.fitting IS NULL)
ORDER BY tenant_id, aggregate_id;
