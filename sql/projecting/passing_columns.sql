-- Columns whose default is another one each time, such as now(): what was stored by it no event gives again.
SELECT a.attname
FROM pg_catalog.pg_attrdef AS d
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = to_regclass(%(table)s)
  AND (d.adbin::text LIKE '%%{SQLVALUEFUNCTION%%'
       OR EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') AS called (oid)
                  JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid[1]::oid
                  WHERE p.provolatile <> 'i'));
