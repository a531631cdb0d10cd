-- A hot standby of this database, that reads go to: what it has, and what its primary has.

-- name: replica
-- Asked of the replica first, so that it can have no more than the primary has afterwards.
SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
       (SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database()) AS database,
       pg_postmaster_start_time() AS started,
       pg_is_in_recovery() AS standby,
       coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, 0) AS replayed,
       pg_last_xact_replay_timestamp() AS last_commit,
       acci.log_end() AS head;

-- name: primary
-- What the replica has not replayed is at most as old as its last commit is by the primary's clock.
SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
       (SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database()) AS database,
       pg_postmaster_start_time() AS started,
       coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
                 - '0/0'::pg_lsn)::bigint, 0) AS written,
       extract(epoch FROM clock_timestamp() - %(last_commit)s::timestamptz)::float8 AS seconds,
       acci.log_end() AS head;
