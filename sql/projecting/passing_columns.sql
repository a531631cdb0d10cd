-- Columns that a default fills which no event gives again: another value each time, such as now(), a serial, a random
-- uuid; or the default of a domain.
SELECT a.attname, coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND (d.adbin IS NULL AND t.typdefaultbin IS NOT NULL
       OR d.adbin::text LIKE '%%{SQLVALUEFUNCTION%%'
       OR d.adbin::text LIKE '%%{NEXTVALUEEXPR%%'
       OR EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') AS called (oid)
                  JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid[1]::oid
                  WHERE p.provolatile <> 'i'));
