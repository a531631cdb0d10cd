-- A read model's table: its properties, and the trigger that guards it.

-- name: guard
SELECT acci.guard(to_regclass(%(table)s));

-- name: is_logged
-- Whether a crash of the server leaves the table as it is.
SELECT relpersistence = 'p' FROM pg_catalog.pg_class WHERE oid = to_regclass(%(table)s);

-- name: has_triggers
-- Whether a trigger or a rule may write values that no event gives.
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = to_regclass(%(table)s) AND ev_type <> '1');

-- name: references
-- The foreign keys that point at the table, each with the table that has it.
SELECT f.conname, c.relname
FROM pg_catalog.pg_constraint AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
WHERE f.contype = 'f' AND f.confrelid = to_regclass(%(table)s)
ORDER BY f.conname;

-- name: indexes
-- What slows down loading: constraints with an index, and other indexes, each with its definition.
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
