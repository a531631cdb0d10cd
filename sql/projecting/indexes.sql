-- What slows down loading: the table's constraints with an index, and its other indexes, each with how to make it again.
SELECT c.conname AS name, true AS is_constraint, pg_get_constraintdef(c.oid) AS definition
FROM pg_catalog.pg_constraint AS c
WHERE c.conrelid = to_regclass(%(table)s) AND c.contype IN ('p', 'u', 'x')
UNION ALL
SELECT i.relname, false, pg_get_indexdef(x.indexrelid)
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
WHERE x.indrelid = to_regclass(%(table)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = x.indexrelid)
ORDER BY is_constraint DESC, name;
