-- ACCI's own objects and rights, each with the statement that creates it and the one that removes it (NULL where
-- creating it again is enough). (owner) stands for the user that migrated. The text is the same on every PostgreSQL
-- that ACCI runs on.
WITH within AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace WHERE nspname IN ('acci', 'acci_migrations', 'read')
), owner AS (
    SELECT mode() WITHIN GROUP (ORDER BY relowner) AS oid FROM pg_catalog.pg_class
    WHERE relnamespace = (SELECT oid FROM within WHERE nspname = 'acci')
), role AS (
    SELECT 0::oid AS oid, 'PUBLIC' AS name
    UNION ALL
    SELECT r.oid, CASE WHEN r.oid = owner.oid THEN '(owner)' ELSE quote_ident(r.rolname) END
    FROM pg_catalog.pg_roles AS r CROSS JOIN owner
), relation AS (  -- in `read` are the views of read models, which a check of their own looks at
    SELECT c.*, format('%I.%I', w.nspname, c.relname) AS place,
           CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE'
                          WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind
    FROM pg_catalog.pg_class AS c JOIN within AS w ON w.oid = c.relnamespace
    WHERE w.nspname <> 'read' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
), routine AS (
    SELECT p.*, format('%I.%I(%s)', w.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS place,
           CASE p.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind
    FROM pg_catalog.pg_proc AS p JOIN within AS w ON w.oid = p.pronamespace
), type AS (
    SELECT t.*, format('%I.%I', w.nspname, t.typname) AS place
    FROM pg_catalog.pg_type AS t JOIN within AS w ON w.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e', 'r')
), owned AS (
    SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS place, nspowner AS owner,
           coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM within
    UNION ALL
    SELECT kind, place, relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM relation
    UNION ALL
    SELECT kind, place, proowner, coalesce(proacl, acldefault('f', proowner)) FROM routine
    UNION ALL
    SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, place, typowner, coalesce(typacl, acldefault('T', typowner))
    FROM type
), found AS (
    SELECT lower(kind) || ' ' || place AS what, format('ALTER %s %s OWNER TO %s', kind, place, role.name) AS made,
           format('DROP %s %s', kind, place) AS away
    FROM owned LEFT JOIN role ON role.oid = owned.owner WHERE kind <> 'SEQUENCE'
    UNION ALL
    SELECT 'sequence ' || place,  -- a column's belongs to whom its table does
           coalesce('OWNED BY ' || (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_catalog.pg_depend AS d
                                    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                    WHERE d.classid = 'pg_class'::regclass AND d.objid = relation.oid
                                      AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
                    format('ALTER SEQUENCE %s OWNER TO %s', place, role.name)),
           format('DROP SEQUENCE %s', place)
    FROM relation LEFT JOIN role ON role.oid = relation.relowner WHERE relkind = 'S'
    UNION ALL
    SELECT 'extension ' || extname, format('CREATE EXTENSION %I SCHEMA public', extname), NULL  -- or wherever it is
    FROM pg_catalog.pg_extension WHERE extname IN ('pg_trgm', 'btree_gin')
    UNION ALL
    SELECT format('right to %s %s %s', grants.privilege_type, lower(kind), place) || ' of ' || role.name,
           format('GRANT %s ON %s %s TO %s', grants.privilege_type, CASE WHEN kind IN ('VIEW', 'MATERIALIZED VIEW',
                  'FOREIGN TABLE') THEN 'TABLE' WHEN kind IN ('AGGREGATE', 'PROCEDURE') THEN 'ROUTINE' ELSE kind END, place,
                  role.name) || CASE WHEN grants.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
           format('REVOKE %s ON %s %s FROM %s', grants.privilege_type, CASE WHEN kind IN ('VIEW', 'MATERIALIZED VIEW',
                  'FOREIGN TABLE') THEN 'TABLE' WHEN kind IN ('AGGREGATE', 'PROCEDURE') THEN 'ROUTINE' ELSE kind END, place,
                  role.name)
    FROM owned CROSS JOIN LATERAL aclexplode(owned.acl) AS grants LEFT JOIN role ON role.oid = grants.grantee
    WHERE grants.grantee <> owned.owner
    UNION ALL
    SELECT format('right to %s column %s.%I', grants.privilege_type, relation.place, a.attname) || ' of ' || role.name,
           format('GRANT %s (%I) ON %s TO %s', grants.privilege_type, a.attname, relation.place, role.name)
           || CASE WHEN grants.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
           format('REVOKE %s (%I) ON %s FROM %s', grants.privilege_type, a.attname, relation.place, role.name)
    FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND NOT a.attisdropped
    CROSS JOIN LATERAL aclexplode(a.attacl) AS grants LEFT JOIN role ON role.oid = grants.grantee
    WHERE grants.grantee <> relation.relowner
    UNION ALL
    SELECT format('default right to %s in %s', grants.privilege_type, w.nspname) || ' of ' || role.name || ' on '
           || lower(kinds.name) || ' made by ' || maker.name,
           format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I GRANT %s ON %s TO %s', maker.name, w.nspname,
                  grants.privilege_type, kinds.name, role.name)
           || CASE WHEN grants.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
           format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I REVOKE %s ON %s FROM %s', maker.name, w.nspname,
                  grants.privilege_type, kinds.name, role.name)
    FROM pg_catalog.pg_default_acl AS d JOIN within AS w ON w.oid = d.defaclnamespace AND w.nspname <> 'read'
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS grants
    JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES')) AS kinds (kind, name)
      ON kinds.kind = d.defaclobjtype::text
    LEFT JOIN role ON role.oid = grants.grantee LEFT JOIN role AS maker ON maker.oid = d.defaclrole
    UNION ALL
    SELECT format('row security of table %s', place),
           format('ALTER TABLE %s %s ROW LEVEL SECURITY', place, CASE WHEN relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END),
           NULL
    FROM relation WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT format('column %s.%I', relation.place, a.attname),
           concat_ws(' ', format('ALTER TABLE %s ADD COLUMN %I %s', relation.place, a.attname,
                                 format_type(a.atttypid, a.atttypmod)),
                     CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
                     CASE WHEN a.attgenerated <> '' THEN format('GENERATED ALWAYS AS (%s) %s',
                          pg_get_expr(d.adbin, d.adrelid), CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) END),
           format('ALTER TABLE %s DROP COLUMN %I', relation.place, a.attname)
    FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE relation.relkind IN ('r', 'p', 'f', 'c')
    UNION ALL
    SELECT format('NULL in column %s.%I', relation.place, a.attname),
           format('ALTER TABLE %s ALTER COLUMN %I %s NOT NULL', relation.place, a.attname,
                  CASE WHEN a.attnotnull THEN 'SET' ELSE 'DROP' END),
           NULL
    FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE relation.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('default of column %s.%I', relation.place, a.attname),
           format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', relation.place, a.attname, pg_get_expr(d.adbin, d.adrelid)),
           format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', relation.place, a.attname)
    FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND a.attgenerated = ''
    JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT format('identity of column %s.%I', relation.place, a.attname),
           format('ALTER TABLE %s ALTER COLUMN %I SET GENERATED %s', relation.place, a.attname,
                  CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END),
           format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', relation.place, a.attname)
    FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND a.attidentity <> ''
    UNION ALL
    SELECT format('constraint %I of %s', c.conname, relation.place),
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', relation.place, c.conname,
                  regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '')),
           format('ALTER TABLE %s DROP CONSTRAINT %I', relation.place, c.conname)
    FROM relation JOIN pg_catalog.pg_constraint AS c ON c.conrelid = relation.oid AND c.contype NOT IN ('n', 't')
    UNION ALL
    SELECT format('index %I of %s', i.relname, relation.place), pg_get_indexdef(x.indexrelid),
           format('DROP INDEX %s', x.indexrelid::regclass)
    FROM relation JOIN pg_catalog.pg_index AS x ON x.indrelid = relation.oid
    JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
    UNION ALL
    SELECT format('trigger %I on %s', tgname, relation.place), pg_get_triggerdef(t.oid),
           format('DROP TRIGGER %I ON %s', tgname, relation.place)
    FROM relation JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = relation.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('state of trigger %I on %s', tgname, relation.place),
           format('ALTER TABLE %s %s TRIGGER %I', relation.place,
                  CASE t.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'
                                   ELSE 'ENABLE REPLICA' END, tgname),
           NULL
    FROM relation JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = relation.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('rule %I on %s', rulename, relation.place), pg_get_ruledef(r.oid),
           format('DROP RULE %I ON %s', rulename, relation.place)
    FROM relation JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = relation.oid
    UNION ALL
    SELECT format('policy %I on %s', p.polname, relation.place),
           concat_ws(' ', format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, relation.place,
                                 CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                                 CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                               WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                                 (SELECT string_agg(role.name, ', ' ORDER BY role.name) FROM role
                                  WHERE role.oid = ANY (p.polroles))),
                     'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                     'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
           format('DROP POLICY %I ON %s', p.polname, relation.place)
    FROM relation JOIN pg_catalog.pg_policy AS p ON p.polrelid = relation.oid
    UNION ALL
    SELECT format('numbers of sequence %s', relation.place),
           format('ALTER SEQUENCE %s AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s %s', relation.place,
                  format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
                  CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END),
           NULL
    FROM relation JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = relation.oid
    UNION ALL
    SELECT 'body of ' || lower(kind) || ' ' || place, btrim(pg_get_functiondef(oid), E'\n'), NULL
    FROM routine WHERE kind <> 'AGGREGATE'
    UNION ALL
    SELECT 'body of aggregate ' || routine.place,
           format('CREATE OR REPLACE AGGREGATE %s (SFUNC = %s, STYPE = %s)', routine.place, a.aggtransfn,
                  format_type(a.aggtranstype, NULL))
           || concat(NULLIF(a.aggfinalfn::oid, 0)::regproc, NULLIF(a.aggcombinefn::oid, 0)::regproc, a.agginitval),
           NULL
    FROM routine JOIN pg_catalog.pg_aggregate AS a ON a.aggfnoid = routine.oid
    UNION ALL
    SELECT 'values of type ' || place,
           concat_ws(' ', CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod) END,
                     CASE WHEN typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || typdefault,
                     (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_catalog.pg_enum
                      WHERE enumtypid = type.oid),
                     (SELECT string_agg(concat(conname, ' ', pg_get_constraintdef(oid)), ', ' ORDER BY conname)
                      FROM pg_catalog.pg_constraint WHERE contypid = type.oid AND contype <> 'n')),
           NULL
    FROM type
    UNION ALL
    SELECT 'role ' || rolname,
           format('ALTER ROLE %I %s %s %s %s %s %s %s', rolname,
                  CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
                  CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
                  CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
                  CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
                  CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
                  CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
                  CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END),
           NULL
    FROM pg_catalog.pg_roles WHERE rolname IN ('acci_append', 'acci_project', 'acci_read', 'acci_administer')
    UNION ALL
    SELECT format('membership of %s in %s', member.name, role.name), format('GRANT %s TO %s', role.name, member.name),
           format('REVOKE %s FROM %s', role.name, member.name)
    FROM (SELECT DISTINCT roleid, member FROM pg_catalog.pg_auth_members) AS m
    JOIN role ON role.oid = m.roleid JOIN role AS member ON member.oid = m.member
    WHERE member.name IN ('acci_append', 'acci_project', 'acci_read', 'acci_administer')
)
SELECT found.what, found.made, found.away, quote_ident(r.rolname) AS owner
FROM found CROSS JOIN owner LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = owner.oid
ORDER BY found.what COLLATE "C";
