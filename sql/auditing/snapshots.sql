-- The streams that have snapshots, event by event up to the last of them, each with the snapshot of its version.
SELECT e.*, s.state_schema, s.state::text
FROM (
    SELECT tenant_id, aggregate_type, aggregate_id, max(version) AS version FROM acci.snapshots
    GROUP BY tenant_id, aggregate_type, aggregate_id
) AS last
JOIN (SELECT {log/events:columns} FROM audited_events) AS e ON (e.tenant_id, e.aggregate_type, e.aggregate_id)
                            = (last.tenant_id, last.aggregate_type, last.aggregate_id) AND e.version <= last.version
LEFT JOIN acci.snapshots AS s ON (s.tenant_id, s.aggregate_type, s.aggregate_id, s.version)
                                 = (e.tenant_id, e.aggregate_type, e.aggregate_id, e.version)
ORDER BY e.tenant_id, e.aggregate_type, e.aggregate_id, e.version;
