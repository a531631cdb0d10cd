-- What `acci doctor` looks at: readable by every login.

-- name: login
SELECT quote_ident(session_user);

-- name: is_superuser
SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user;

-- name: settings
-- What a new session of this login has.
SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name = ANY (%(names)s);

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::float8;

-- name: connections
-- How many the server admits besides superusers and those with reserved ones, the database and the login (-1: no limit of
-- their own), and how many there are on the server.
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         - coalesce(current_setting('reserved_connections', true)::integer, 0),
       d.datconnlimit, r.rolconnlimit, (SELECT sum(numbackends)::integer FROM pg_catalog.pg_stat_database)
FROM pg_catalog.pg_database AS d, pg_catalog.pg_roles AS r
WHERE d.datname = current_database() AND r.rolname = session_user;

-- name: extensions
-- Each, with its version in this database, and that which the server has.
SELECT wanted.name, made.extversion, available.default_version
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS wanted (name, n)
LEFT JOIN pg_catalog.pg_extension AS made ON made.extname = wanted.name
LEFT JOIN pg_catalog.pg_available_extensions AS available ON available.name = wanted.name
ORDER BY wanted.n;

-- name: recovery
-- Whether this is a standby, whom commits wait for, what the WAL is good for, and for how many seconds a standby that has
-- more to replay has replayed nothing.
SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'), current_setting('wal_level'),
       CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END;

-- name: standbys
-- Who follows: state, whether commits wait for it, bytes and seconds behind. All but the name is NULL to a login that is no
-- member of pg_monitor.
SELECT application_name, state, sync_state,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                       replay_lsn)::bigint,
       extract(epoch FROM replay_lag)::float8
FROM pg_catalog.pg_stat_replication ORDER BY application_name, pid;

-- name: slots
-- Replication slots: whether in use, the state of their WAL, how many bytes of it they keep, whether there is a bound.
SELECT slot_name::text, active, wal_status,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                       restart_lsn)::bigint,
       current_setting('max_slot_wal_keep_size') <> '-1'
FROM pg_catalog.pg_replication_slots ORDER BY slot_name;
