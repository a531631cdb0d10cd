-- A key each person and tenant, apart from the log, so that a restored backup of the log brings nobody back. Of a key that
-- was destroyed stays that it was.
CREATE TABLE IF NOT EXISTS acci_keys.keys (
    id           uuid        PRIMARY KEY,
    tenant_id    text        NOT NULL,
    subject      text        NOT NULL,
    key          bytea,      -- 32 bytes, or 40 if wrapped with the master key; NULL: destroyed
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz,
    CONSTRAINT keys_destroyed_check CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
);
