-- The columns that PostgreSQL computes, with what it computes them from: the other columns by their bare names.
SELECT a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attgenerated <> '' AND NOT a.attisdropped;
