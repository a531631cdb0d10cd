DELETE FROM acci.snapshots
WHERE tenant_id = %(tenant_id)s AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
  AND version = %(version)s;
