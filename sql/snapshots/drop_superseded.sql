-- Of each stream, the snapshots beyond the newest ones that fit; and those that do not fit, once there is one that does.
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
