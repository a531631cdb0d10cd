CREATE UNIQUE INDEX IF NOT EXISTS keys_of_subject_key ON acci_keys.keys (tenant_id, subject) WHERE key IS NOT NULL;
