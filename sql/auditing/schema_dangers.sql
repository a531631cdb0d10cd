-- What no table's SQL file may cause: dangers in ACCI's own tables, in those of every generation, and in views on them,
-- each with the statement that fixes it. A warning does no harm by itself.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
           n.nspname, format('%I.%I', n.nspname, c.relname) AS place, g.generation IS NOT NULL AS generated,
           EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                   WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS of_tenants
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN acci.generations AS g ON n.nspname = 'generation_' || g.generation AND g.state <> 'dropped'
    WHERE c.relkind IN ('r', 'p') AND (n.nspname IN ('acci', 'acci_migrations') OR g.generation IS NOT NULL)
), read_model AS (
    SELECT relation.* FROM relation JOIN acci.generations AS g
      ON relation.nspname = 'generation_' || g.generation AND relation.relname = g.projection
), shown AS (
    SELECT c.oid, c.relowner, c.relacl, format('read.%I', c.relname) AS place
    FROM pg_catalog.pg_class AS c JOIN acci.generations AS g ON g.projection = c.relname AND g.state = 'live'
    WHERE c.relnamespace = to_regnamespace('read') AND c.relkind = 'v'
), kept_apart (name, made, meant) AS (
    VALUES ('of_the_tenant', '{0}'::oid[], '(tenant_id = current_setting(''acci.tenant''::text, true))'),
           ('of_every_tenant', ARRAY['acci_administer'::regrole::oid, 'acci_project'::regrole::oid], 'true')
), of_acci AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname IN ('acci_append', 'acci_project', 'acci_read', 'acci_administer')
), grants AS (
    SELECT place, '' AS of_column, relowner, acl.* FROM (
        SELECT place, relowner, relacl FROM relation WHERE generated
        UNION ALL
        SELECT place, relowner, relacl FROM shown
    ) AS all_of_them CROSS JOIN LATERAL aclexplode(relacl) AS acl
    UNION ALL
    SELECT r.place, format(' (%I)', a.attname), r.relowner, acl.* FROM (
        SELECT oid, place, relowner FROM relation WHERE generated
        UNION ALL
        SELECT oid, place, relowner FROM shown
    ) AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
    CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
)
SELECT 'error' AS severity, 'table ' || place AS what, 'is UNLOGGED, so a crash of the server empties it' AS problem,
       format('ALTER TABLE %s SET LOGGED', place) AS remedy
FROM relation WHERE relpersistence <> 'p'
UNION ALL
SELECT 'error', format('sequence %I.%I', n.nspname, c.relname), 'is UNLOGGED, so a crash of the server lets it begin again',
       format('ALTER SEQUENCE %I.%I SET LOGGED', n.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'acci' AND c.relkind = 'S' AND c.relpersistence <> 'p'
UNION ALL
SELECT 'error', format('storage of column %s.%I', place, a.attname), 'is PLAIN, so that long values are refused',
       format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', place, a.attname,
              CASE t.typstorage WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL' ELSE 'EXTENDED' END)
FROM relation JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation.oid AND a.attnum > 0 AND a.attstorage = 'p'
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid AND t.typstorage <> 'p'
UNION ALL
SELECT 'warning', format('constraint %I of %s', c.conname, place), 'was never checked on the rows that were there before it',
       format('ALTER TABLE %s VALIDATE CONSTRAINT %I', place, c.conname)
FROM relation JOIN pg_catalog.pg_constraint AS c ON c.conrelid = relation.oid AND NOT c.convalidated
UNION ALL
SELECT 'error', format('index %s', x.indexrelid::regclass), 'is invalid, so it neither serves nor keeps anything unique',
       format('REINDEX INDEX %s', x.indexrelid::regclass)
FROM relation JOIN pg_catalog.pg_index AS x ON x.indrelid = relation.oid AND NOT (x.indisvalid AND x.indisready)
WHERE relation.relkind = 'r'
UNION ALL
SELECT 'error', format('trigger %I on %s', t.tgname, place), 'is switched off',
       format('ALTER TABLE %s ENABLE TRIGGER %I', place, t.tgname)
FROM relation JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = relation.oid AND (t.tgisinternal OR relation.generated)
WHERE t.tgenabled IN ('D', 'R')
UNION ALL
SELECT 'error', format('table %s', i.inhrelid::regclass), 'shows its rows in ' || place || ', where they are not',
       format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, place)
FROM relation JOIN pg_catalog.pg_inherits AS i ON i.inhparent = relation.oid
JOIN pg_catalog.pg_class AS child ON child.oid = i.inhrelid AND NOT child.relispartition
UNION ALL
SELECT 'error', 'row security of table ' || place, 'holds for its owner too, for whom nothing was meant to be hidden',
       format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', place)
FROM relation WHERE relforcerowsecurity
UNION ALL
SELECT 'error', 'row security of table ' || place, 'is off, so tenants are not kept apart',
       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place)
FROM read_model WHERE of_tenants AND NOT relrowsecurity
UNION ALL
SELECT 'error', format('policy %I on %s', k.name, place), 'is gone or another one, so tenants are not kept apart',
       format('DROP POLICY IF EXISTS of_the_tenant ON %1$s; DROP POLICY IF EXISTS of_every_tenant ON %1$s; '
              'SELECT acci.guard(%2$L)', place, place)
FROM read_model CROSS JOIN kept_apart AS k
WHERE of_tenants AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid = read_model.oid AND p.polname = k.name AND p.polpermissive AND p.polcmd = '*'
      AND (SELECT array_agg(r ORDER BY r::regrole::text) FROM unnest(p.polroles) AS r) = k.made
      AND replace(pg_get_expr(p.polqual, p.polrelid), '(tenant_id)::text', 'tenant_id') = k.meant AND p.polwithcheck IS NULL
)
UNION ALL
SELECT 'error', format('policy %I on %s', p.polname, place), 'shows or takes more than each tenant''s rows',
       format('DROP POLICY %I ON %s', p.polname, place)
FROM read_model JOIN pg_catalog.pg_policy AS p ON p.polrelid = read_model.oid
WHERE p.polpermissive AND p.polname NOT IN (SELECT name FROM kept_apart)
UNION ALL
SELECT 'error', 'table ' || place, format('belongs to %s', relowner::regrole), format('ALTER TABLE %s OWNER TO acci_project', place)
FROM relation WHERE generated AND relowner <> 'acci_project'::regrole
UNION ALL
SELECT 'error', 'view ' || place, format('belongs to %s, with whose rights it reads', relowner::regrole),
       format('ALTER VIEW %s OWNER TO acci_project', place)
FROM shown WHERE relowner <> 'acci_project'::regrole
UNION ALL
SELECT 'error', 'view ' || shown.place, 'reads with the rights of who asks, and readers have none to the table',
       format('ALTER VIEW %s RESET (security_invoker)', shown.place)
FROM shown JOIN pg_catalog.pg_class AS c USING (oid)
CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS option
WHERE option_name = 'security_invoker' AND option_value::boolean
UNION ALL
SELECT 'error', 'schema ' || n.nspname, format('belongs to %s', n.nspowner::regrole),
       format('ALTER SCHEMA %I OWNER TO acci_project', n.nspname)
FROM pg_catalog.pg_namespace AS n
JOIN acci.generations AS g ON n.nspname = 'generation_' || g.generation AND g.state <> 'dropped'
WHERE n.nspowner <> 'acci_project'::regrole
UNION ALL
SELECT 'error', format('right to %s%s %s of %s', privilege_type, of_column, place, who), 'is more than to read',
       format('REVOKE %s%s ON %s FROM %s', privilege_type, of_column, place, who)
FROM grants CROSS JOIN LATERAL (
    SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE concat(grantee::regrole) END AS who
) AS named
WHERE grantee <> relowner AND (privilege_type <> 'SELECT' OR grantee = 0 AND place !~ '^read\.')
UNION ALL
SELECT 'error', format('right to CREATE schema %I of %s', n.nspname, who), 'is more than to read',
       format('REVOKE CREATE ON SCHEMA %I FROM %s', n.nspname, who)
FROM pg_catalog.pg_namespace AS n
JOIN acci.generations AS g ON n.nspname = 'generation_' || g.generation AND g.state <> 'dropped'
CROSS JOIN LATERAL aclexplode(n.nspacl) AS acl
CROSS JOIN LATERAL (SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE concat(grantee::regrole) END AS who) AS named
WHERE grantee <> n.nspowner AND privilege_type = 'CREATE'
UNION ALL
SELECT 'error', format('right to %s %s of %s', string_agg(wanted, ', ' ORDER BY wanted), place, relowner::regrole),
       'is gone, though the table is its own',
       format('GRANT %s ON %s TO %s', string_agg(wanted, ', ' ORDER BY wanted), place, relowner::regrole)
FROM relation CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
WHERE relacl IS NOT NULL
  AND NOT EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = relowner AND privilege_type = wanted)
GROUP BY place, relowner
UNION ALL
SELECT 'error', format('right to %s database %I of %s',
                       CASE privilege_type WHEN 'CONNECT' THEN 'CONNECT to' ELSE 'CREATE in' END, d.datname, who),
       CASE privilege_type WHEN 'CONNECT' THEN 'opens it to every login of the server, also to those of other databases'
                           ELSE 'lets them make what others then find by its name' END,
       format('REVOKE %s ON DATABASE %I FROM %s', privilege_type, d.datname, who)
FROM pg_catalog.pg_database AS d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS acl
CROSS JOIN LATERAL (SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE concat(grantee::regrole) END AS who) AS named
WHERE d.datname = current_database()
  AND (privilege_type = 'CONNECT' AND grantee = 0
       OR privilege_type = 'CREATE' AND (grantee = 0 OR grantee IN (SELECT oid FROM of_acci)))
UNION ALL
SELECT 'error', format('database %I', d.datname), format('belongs to %s', d.datdba::regrole),
       format('ALTER DATABASE %I OWNER TO %s', d.datname,
              (SELECT c.relowner::regrole FROM pg_catalog.pg_class AS c WHERE c.oid = 'acci.generations'::regclass))
FROM pg_catalog.pg_database AS d WHERE d.datname = current_database() AND d.datdba IN (SELECT oid FROM of_acci)
UNION ALL
SELECT s.severity, format('setting %s of %s', s.name, who), s.harm, format('ALTER %s RESET %s', who, s.name)
FROM pg_catalog.pg_db_role_setting AS r
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = r.setdatabase
CROSS JOIN LATERAL (
    SELECT concat_ws(' IN ', 'ROLE ' || CASE WHEN r.setrole <> 0 THEN concat(r.setrole::regrole) WHEN d.oid IS NULL THEN 'ALL' END,
                     'DATABASE ' || quote_ident(d.datname)) AS who
) AS named
CROSS JOIN LATERAL unnest(r.setconfig) AS one
JOIN (VALUES ('error', 'session_replication_role', '(replica|local)', 'silences the triggers that keep foreign keys'),
             ('warning', 'synchronous_commit', 'off', 'lets a crash of the server lose what was acknowledged')
     ) AS s (severity, name, harmful, harm) ON one ~ format('^%s=%s$', s.name, s.harmful)
WHERE coalesce(d.datname, current_database()) = current_database()
ORDER BY what, problem;
