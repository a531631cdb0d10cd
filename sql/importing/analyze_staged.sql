ANALYZE staged (tenant_id, aggregate_type, aggregate_id, line);
