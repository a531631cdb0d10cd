-- A snapshot is of a version that its stream does not have.
-- severity: error
-- place: tenant_id, aggregate_type, aggregate_id, version
-- repair: snapshots
SELECT tenant_id, aggregate_type, aggregate_id, version,
       format('The snapshot is of version %%s, and its stream has no such version.', version) AS problem
FROM acci.snapshots AS s
WHERE NOT EXISTS (
    SELECT FROM acci.events AS e
    WHERE (e.tenant_id, e.aggregate_type, e.aggregate_id, e.version)
        = (s.tenant_id, s.aggregate_type, s.aggregate_id, s.version)
);
