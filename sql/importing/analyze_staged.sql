ANALYZE staged (id, tenant_id, aggregate_type, aggregate_id, line);
