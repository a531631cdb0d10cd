-- Everything that projecting created belongs to acci_project, also after a restore gave it to the user that restored.
-- That user is granted the roles, and acci_project may write the tables that the user creates later. Does nothing where
-- all is right already, or before the roles exist. Owning a schema needs the right to create one.
DO $$
DECLARE
    name text;
    made record;
    asked CONSTANT text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
BEGIN
    IF NOT EXISTS (SELECT FROM acci_migrations.applied AS a WHERE a.name = '0001_baseline') THEN
        RETURN;
    END IF;
    FOREACH name IN ARRAY ARRAY['acci_append', 'acci_project', 'acci_read', 'acci_administer'] LOOP
        IF NOT pg_has_role(current_user, name, asked) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', name);
        END IF;
    END LOOP;
    IF NOT pg_has_role('acci_administer', 'acci_project', 'MEMBER') THEN
        GRANT acci_project TO acci_administer;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_default_acl
        WHERE defaclrole = current_user::regrole AND defaclnamespace = 'acci'::regnamespace AND defaclobjtype = 'r'
    ) THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA acci GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO acci_project;
    END IF;
    CREATE TEMP TABLE acci_astray ON COMMIT DROP AS
        SELECT 'SCHEMA' AS kind, oid, quote_ident(nspname) AS place FROM pg_catalog.pg_namespace
        WHERE nspname ~ '^generation_\d+$' AND nspowner <> 'acci_project'::regrole
        UNION ALL
        SELECT 'TABLE', c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relowner <> 'acci_project'::regrole
          AND (n.nspname ~ '^generation_\d+$' AND c.relkind IN ('r', 'p', 'v', 'm')
               OR n.nspname = 'read' AND c.relkind = 'v' AND c.relname IN (SELECT projection FROM acci.generations));
    IF EXISTS (SELECT FROM acci_astray) THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO acci_project', current_database());
        FOR made IN SELECT kind, place FROM acci_astray ORDER BY kind LOOP
            EXECUTE format('ALTER %s %s OWNER TO acci_project', made.kind, made.place);
        END LOOP;
        EXECUTE format('REVOKE CREATE ON DATABASE %I FROM acci_project', current_database());
    END IF;
    DROP TABLE acci_astray;
    -- Roles belong to the whole server: a login with one of them on another database has it here too, if it may connect. So
    -- only the owner, the user that migrates and those with a grant may connect; if the database was open before, also the
    -- logins that use it now.
    IF has_database_privilege('public', current_database(), 'CONNECT') THEN
        FOR name IN
            SELECT current_user
            UNION
            SELECT r.rolname FROM pg_catalog.pg_roles AS r
            WHERE r.rolcanlogin AND (SELECT min(applied_at) FROM acci_migrations.applied) < now() AND EXISTS (
                SELECT FROM pg_catalog.pg_roles AS taken
                WHERE taken.rolname ~ '^acci_(append|project|read|administer)$' AND pg_has_role(r.oid, taken.oid, 'MEMBER')
            ) AND (
                EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.usesysid = r.oid AND a.datname = current_database())
                OR NOT EXISTS (SELECT FROM pg_catalog.pg_database AS d
                               WHERE NOT d.datistemplate AND d.datname NOT IN (current_database(), 'postgres'))
            )
        LOOP
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
        END LOOP;
        EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    END IF;
END
$$;
