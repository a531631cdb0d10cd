-- These columns as a table has them, and whether each is computed from others.
SELECT attname, attgenerated <> ''
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attname = ANY (%(columns)s);
