DELETE FROM acci.snapshots
WHERE tenant_id = %(tenant_id)s
  AND (aggregate_type, aggregate_id) IN (SELECT * FROM unnest(%(types)s::text[], %(ids)s::text[]));
