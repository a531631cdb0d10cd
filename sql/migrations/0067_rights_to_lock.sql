-- A right to UPDATE, DELETE or TRUNCATE a whole table is a right to LOCK it in any mode, against everybody; of columns it
-- is none: who only appends can no longer stop every command.
REVOKE UPDATE ON acci.snapshots FROM acci_append;
GRANT UPDATE (state_schema, state, taken_at) ON acci.snapshots TO acci_append;
