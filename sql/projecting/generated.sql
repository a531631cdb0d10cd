-- The columns that PostgreSQL computes, with what it computes them from: the other columns by their bare names.
SELECT a.attname, pg_get_expr(d.adbin, d.adrelid),
       ARRAY(SELECT o.attname FROM pg_catalog.pg_depend AS p
             JOIN pg_catalog.pg_attribute AS o ON o.attrelid = p.refobjid AND o.attnum = p.refobjsubid
             WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
               AND p.refobjid = a.attrelid AND o.attnum <> a.attnum)::text[]
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attgenerated <> '' AND NOT a.attisdropped;
