-- The events of a page of due streams that lie behind their snapshots, stream by stream.
SELECT d.number, e.position, e."timestamp", e.recorded_at, e.id, e.version, e.schema_version, e.tenant_id,
       e.aggregate_type, e.aggregate_id, e.event_type, e.data::text, e.metadata::text
FROM pg_temp.due_snapshots AS d
JOIN acci.events AS e ON (e.tenant_id, e.aggregate_type, e.aggregate_id)
                         = (d.tenant_id, d.aggregate_type, d.aggregate_id)
                     AND e.version > d.snapshot_version AND e.version <= d.version
WHERE d.number > %(after)s AND d.number <= %(upto)s
ORDER BY d.number, e.version;
