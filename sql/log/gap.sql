-- A stream in which a COPY between two positions left a gap, if there is one. Concurrent appends are left out: all rows
-- of one COPY have the xmin of its last row. Both bounds are given so that the planner expects a small range even before
-- the first ANALYZE.
SELECT tenant_id, aggregate_type, aggregate_id, min(version), max(version), count(*)
FROM acci.events AS added
WHERE position > %(after)s AND position <= %(to)s
  AND xmin = (
      SELECT last.xmin FROM acci.events AS last
      WHERE last.tenant_id = %(tenant_id)s AND last.aggregate_type = %(aggregate_type)s
        AND last.aggregate_id = %(aggregate_id)s AND last.version = %(version)s
  )
GROUP BY tenant_id, aggregate_type, aggregate_id
HAVING max(version) - min(version) + 1 <> count(*)
    OR min(version) > 1 AND NOT EXISTS (
        SELECT FROM acci.events AS before
        WHERE before.tenant_id = added.tenant_id AND before.aggregate_type = added.aggregate_type
          AND before.aggregate_id = added.aggregate_id AND before.version = min(added.version) - 1
    )
LIMIT 1;
