-- The columns of a read model's table as PostgreSQL sees them. A generated column's expression is no default, and one
-- that does something each time it is asked, such as drawing from a sequence, has no value to be told.
SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typcategory,
       CASE WHEN a.attgenerated = '' AND a.attidentity = ''
             AND NOT EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') AS called (oid)
                             JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid[1]::oid
                             WHERE p.provolatile = 'v')
            THEN pg_get_expr(d.adbin, d.adrelid) END,
       a.attgenerated <> '' OR a.attidentity <> '',
       -- What PostgreSQL or a trigger fills may be left out.
       a.attnotnull
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = a.attrelid AND NOT tgisinternal)
       AND NOT (d.adbin IS NULL AND t.typdefaultbin IS NOT NULL)
       AND NOT coalesce(d.adbin::text ~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR)', false)
       AND NOT EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') AS called (oid)
                       JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid[1]::oid
                       WHERE p.provolatile <> 'i' AND a.attgenerated = ''),
       coalesce(c.collisdeterministic, true)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
