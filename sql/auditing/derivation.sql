-- The table that the audited rows are derived into.

-- name: checks
-- The CHECK constraints of a table that use any of these columns.
SELECT DISTINCT c.conname
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.conrelid = to_regclass(%(table)s) AND c.contype = 'c' AND a.attname = ANY (%(columns)s);

-- name: columns
-- These columns as a table has them, and whether each is computed from others.
SELECT attname, attgenerated <> ''
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attname = ANY (%(columns)s);
