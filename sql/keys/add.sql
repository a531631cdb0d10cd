INSERT INTO acci_keys.keys (id, tenant_id, subject, key) VALUES (%(id)s, %(tenant_id)s, %(subject)s, %(key)s)
ON CONFLICT (tenant_id, subject) WHERE key IS NOT NULL DO NOTHING;
