-- The grants on the view, to be restored when it is recreated; a NULL grantee is PUBLIC.
SELECT g.privilege_type, r.rolname, g.is_grantable
FROM pg_catalog.pg_class AS c
CROSS JOIN LATERAL aclexplode(c.relacl) AS g
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
WHERE c.oid = to_regclass(%(view)s) AND g.grantee <> c.relowner;
