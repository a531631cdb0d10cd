-- One key per person and tenant: destroying it erases the person (crypto-shredding).

-- name: lock
SELECT pg_advisory_xact_lock(hashtext('acci keys'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '60s'), true)
OFFSET 0;

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS acci_keys;

-- name: create_table
-- One key per person and tenant, apart from the log, so that a restored backup of the log restores no erased person. The
-- row of a destroyed key stays, without the key.
CREATE TABLE IF NOT EXISTS acci_keys.keys (
    id           uuid        PRIMARY KEY,
    tenant_id    text        NOT NULL,
    subject      text        NOT NULL,
    key          bytea,      -- 32 bytes, or 40 if wrapped with the master key; NULL: destroyed
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz,
    CONSTRAINT keys_destroyed_check CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
);

-- name: create_index
CREATE UNIQUE INDEX IF NOT EXISTS keys_of_subject_key ON acci_keys.keys (tenant_id, subject) WHERE key IS NOT NULL;

-- name: add
INSERT INTO acci_keys.keys (id, tenant_id, subject, key) VALUES (%(id)s, %(tenant_id)s, %(subject)s, %(key)s)
ON CONFLICT (tenant_id, subject) WHERE key IS NOT NULL DO NOTHING;

-- name: of_subject
SELECT id, key FROM acci_keys.keys WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s AND key IS NOT NULL;

-- name: find
SELECT id, key FROM acci_keys.keys WHERE id = ANY (%(ids)s);

-- name: any
SELECT key FROM acci_keys.keys WHERE key IS NOT NULL LIMIT 1;

-- name: destroy
UPDATE acci_keys.keys SET key = NULL, destroyed_at = clock_timestamp()
WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s AND key IS NOT NULL;

-- name: just_destroyed
-- Longer than any process keeps a state that was folded before the erasure.
SELECT FROM acci_keys.keys
WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s AND destroyed_at > clock_timestamp() - interval '1 hour' LIMIT 1;

-- name: erased
SELECT DISTINCT tenant_id, subject FROM acci_keys.keys WHERE key IS NULL ORDER BY 1, 2;
