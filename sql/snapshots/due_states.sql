-- Where the folds of a page of due streams begin.
SELECT d.number, s.state::text, s.aggregate_id
FROM pg_temp.due_snapshots AS d
JOIN acci.snapshots AS s ON (s.tenant_id, s.aggregate_type, s.aggregate_id, s.version)
                            = (d.tenant_id, d.aggregate_type, d.aggregate_id, d.snapshot_version)
WHERE d.number > %(after)s AND d.number <= %(upto)s AND s.state_schema = %(state_schema)s;
