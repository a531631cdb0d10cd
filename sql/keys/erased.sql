SELECT DISTINCT tenant_id, subject FROM acci_keys.keys WHERE key IS NULL ORDER BY 1, 2;
