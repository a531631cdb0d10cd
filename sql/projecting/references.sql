-- The foreign keys that point at the table, each with the table that has it.
SELECT f.conname, c.relname
FROM pg_catalog.pg_constraint AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
WHERE f.contype = 'f' AND f.confrelid = to_regclass(%(table)s)
ORDER BY f.conname;
