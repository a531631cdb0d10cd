-- Properties of the view beside its query, as statements that restore them: `kept` says whether it survives when the
-- query is replaced, `column` the column that it belongs to.
WITH view AS (SELECT * FROM pg_catalog.pg_class WHERE oid = to_regclass(%(view)s)),
     grants AS (
         SELECT '' AS of, NULL::name AS "column", relacl AS acl, relowner FROM view
         UNION ALL
         SELECT ' (' || quote_ident(a.attname) || ')', a.attname, a.attacl, v.relowner
         FROM view AS v JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND NOT a.attisdropped
     )
SELECT false AS kept, NULL AS "column",
       concat('ALTER VIEW ', %(view)s, ' SET (',
              (SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' = '
                                 || quote_literal(substr(o, strpos(o, '=') + 1)), ', ')
               FROM unnest(reloptions) AS o), ')') AS statement
FROM view WHERE reloptions IS NOT NULL
UNION ALL
SELECT true, g."column",
       concat('GRANT ', one.privilege_type, g.of, ' ON ', %(view)s, ' TO ', coalesce(quote_ident(r.rolname), 'PUBLIC'),
              CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' END)
FROM grants AS g
CROSS JOIN LATERAL aclexplode(g.acl) AS one
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = one.grantee
WHERE one.grantee <> g.relowner
UNION ALL
SELECT true, a.attname,
       concat('COMMENT ON ', CASE WHEN a.attname IS NULL THEN concat('VIEW ', %(view)s)
                                  ELSE concat('COLUMN ', %(view)s, '.', quote_ident(a.attname)) END,
              ' IS ', quote_literal(d.description))
FROM view AS v
JOIN pg_catalog.pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = v.oid
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum = d.objsubid AND d.objsubid > 0;
