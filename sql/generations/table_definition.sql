-- The table as it is, part by part: columns, constraints, indexes, triggers and rules, each with its definition; and
-- whether a table of tenants is not kept apart by tenant.
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
FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal
UNION ALL
SELECT 'rule ' || rulename, pg_get_ruledef(oid)
FROM pg_catalog.pg_rewrite WHERE ev_class = to_regclass(%(table)s)
UNION ALL
SELECT 'exemption from row level security', ''
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.oid = to_regclass(%(table)s) AND NOT c.relrowsecurity;
