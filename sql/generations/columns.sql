-- The columns of a read model's table.

-- name: all
-- The columns of a read model's table, from the catalog. A generated column's expression is not a default. A default with
-- a side effect, such as nextval(), has no value that is known beforehand.
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

-- name: generated
-- The columns that PostgreSQL computes, with what it computes them from: the other columns by their bare names.
SELECT a.attname, pg_get_expr(d.adbin, d.adrelid),
       ARRAY(SELECT o.attname FROM pg_catalog.pg_depend AS p
             JOIN pg_catalog.pg_attribute AS o ON o.attrelid = p.refobjid AND o.attnum = p.refobjsubid
             WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
               AND p.refobjid = a.attrelid AND o.attnum <> a.attnum)::text[]
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attgenerated <> '' AND NOT a.attisdropped;

-- name: volatile_defaults
-- The columns whose default varies: a rebuild could not reproduce the values of a catch-up.
SELECT a.attname
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attgenerated = ''
  AND regexp_replace(pg_get_expr(d.adbin, d.adrelid), '''[^'']*''', '', 'g')
      ~* '(\mnow|_timestamp|timeofday|random|uuid\w*|nextval)\(|\mcurrent_|\mlocaltime';

-- name: filled_by_defaults
-- Columns filled by a default that the events cannot reproduce: one that varies, such as now(), a serial, a random uuid;
-- or the default of a domain.
SELECT a.attname, coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND (d.adbin IS NULL AND t.typdefaultbin IS NOT NULL
       OR strpos(d.adbin::text, '{SQLVALUEFUNCTION') > 0
       OR strpos(d.adbin::text, '{NEXTVALUEEXPR') > 0
       OR EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') AS called (oid)
                  JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid[1]::oid
                  WHERE p.provolatile <> 'i'));

-- name: unique_keys
-- The column sets of the table's unique indexes, without expression indexes and INCLUDE columns.
SELECT array_agg(a.attname::text ORDER BY a.attname)
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate
  AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid;
