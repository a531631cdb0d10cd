-- Taking the snapshots that are due, and dropping those that newer ones supersede.

-- name: create_due
CREATE TEMPORARY TABLE due_snapshots (
    number           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        text    NOT NULL,
    aggregate_type   text    NOT NULL,
    aggregate_id     text    NOT NULL,
    snapshot_version integer NOT NULL,  -- of the newest one that fits; 0 without one
    version          integer NOT NULL   -- the stream's
);

-- name: find_due
-- The streams of an aggregate with enough events after the newest snapshot that fits, or with no snapshot that fits.
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

-- name: states
-- Where the folds of a page of due streams begin.
SELECT d.number, s.state::text, s.aggregate_id
FROM pg_temp.due_snapshots AS d
JOIN acci.snapshots AS s ON (s.tenant_id, s.aggregate_type, s.aggregate_id, s.version)
                            = (d.tenant_id, d.aggregate_type, d.aggregate_id, d.snapshot_version)
WHERE d.number > %(after)s AND d.number <= %(upto)s AND s.state_schema = %(state_schema)s;

-- name: events
-- The events after the snapshots of a page of due streams, stream by stream.
SELECT d.number, behind.*
FROM pg_temp.due_snapshots AS d
CROSS JOIN LATERAL (
    SELECT {log/events:columns}
    FROM acci.events AS e
    WHERE (e.tenant_id, e.aggregate_type, e.aggregate_id) = (d.tenant_id, d.aggregate_type, d.aggregate_id)
      AND e.version > d.snapshot_version AND e.version <= d.version
) AS behind
WHERE d.number > %(after)s AND d.number <= %(upto)s
ORDER BY d.number, behind.version;

-- name: drop_due
DROP TABLE IF EXISTS pg_temp.due_snapshots;

-- name: drop_superseded
-- Of each stream, the snapshots older than the newest ones that fit; and those that do not fit, once one does.
DELETE FROM acci.snapshots AS s
USING (
    SELECT tenant_id, aggregate_type, aggregate_id, version, state_schema = %(state_schema)s AS fits,
           count(*) FILTER (WHERE state_schema = %(state_schema)s) OVER newer_first AS newer_that_fit,
           count(*) FILTER (WHERE state_schema = %(state_schema)s) OVER stream AS all_that_fit
    FROM acci.snapshots
    WHERE aggregate_type = %(aggregate_type)s
    WINDOW stream AS (PARTITION BY tenant_id, aggregate_type, aggregate_id),
           newer_first AS (PARTITION BY tenant_id, aggregate_type, aggregate_id ORDER BY version DESC)
) AS ranked
WHERE (s.tenant_id, s.aggregate_type, s.aggregate_id, s.version)
      = (ranked.tenant_id, ranked.aggregate_type, ranked.aggregate_id, ranked.version)
  AND CASE WHEN ranked.fits THEN ranked.newer_that_fit > %(keep)s ELSE ranked.all_that_fit > 0 END;
