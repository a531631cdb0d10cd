-- The views that read from a view, directly or not, and which of its columns those that do it directly need.
WITH RECURSIVE dependent AS (
    SELECT to_regclass(%(view)s)::oid AS relation, NULL::oid AS through
    UNION
    SELECT r.ev_class, d.relation
    FROM dependent AS d
    JOIN pg_catalog.pg_depend AS p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.relation
                                  AND p.classid = 'pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = p.objid AND r.ev_class <> d.relation
)
SELECT d.relation::regclass::text,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_catalog.pg_depend AS p
             JOIN pg_catalog.pg_rewrite AS r ON r.oid = p.objid
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
             WHERE p.classid = 'pg_rewrite'::regclass AND r.ev_class = d.relation
               AND p.refobjid = to_regclass(%(view)s) AND p.refobjsubid > 0
             ORDER BY 1) AS columns
FROM dependent AS d
WHERE d.through IS NOT NULL
ORDER BY 1;
