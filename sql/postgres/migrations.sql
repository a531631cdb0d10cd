-- Which migrations were applied.

-- name: lock
-- Migrations wait for each other, and for sessions that use the tables, but not forever.
SELECT pg_advisory_xact_lock(hashtext('acci migrate'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '10min'), true)
OFFSET 0;

-- name: is_new
SELECT to_regclass('acci_migrations.applied') IS NULL;

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS acci_migrations;

-- name: create_table
CREATE TABLE IF NOT EXISTS acci_migrations.applied (
    name       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: applied
SELECT name, checksum FROM acci_migrations.applied ORDER BY name;

-- name: record
INSERT INTO acci_migrations.applied (name, checksum) VALUES (%(name)s, %(checksum)s);
