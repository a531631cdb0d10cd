-- The table as it is, part by part: columns, constraints, indexes and triggers, each with its definition.
SELECT 'column ' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || conname, pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass(%(table)s) AND contype <> 'n'
UNION ALL
SELECT 'index ' || i.relname, pg_get_indexdef(x.indexrelid)
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
WHERE x.indrelid = to_regclass(%(table)s)
UNION ALL
SELECT 'trigger ' || tgname, pg_get_triggerdef(oid)
FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal;
