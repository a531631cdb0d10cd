-- Roles with the least rights each. They belong to the whole server, so another database may have made them, or be making
-- them now. A session takes one with SET ROLE; a login that is a member of one only can be no other.
DO $$
DECLARE
    name text;
    asked CONSTANT text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
BEGIN
    FOREACH name IN ARRAY ARRAY['acci_append', 'acci_project', 'acci_read', 'acci_administer'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database's migration was faster
        END;
        BEGIN
            IF NOT pg_has_role(current_user, name, asked) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', name);
            END IF;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
    BEGIN
        IF NOT pg_has_role('acci_administer', 'acci_project', 'MEMBER') THEN
            GRANT acci_project TO acci_administer;
        END IF;
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the user % may not make the roles acci_append, acci_project, acci_read and acci_administer', current_user
        USING ERRCODE = 'insufficient_privilege',
              HINT = format(
                  'Have an administrator of the server run: ALTER ROLE %I CREATEROLE; if the roles are there, made by '
                  'another user: GRANT acci_append, acci_project, acci_read, acci_administer TO %I WITH ADMIN OPTION;',
                  current_user, current_user
              );
END
$$;

GRANT USAGE ON SCHEMA acci, read, acci_migrations TO acci_append, acci_project, acci_read, acci_administer;
GRANT SELECT ON acci_migrations.applied TO acci_append, acci_project, acci_read, acci_administer;
GRANT SELECT ON acci.high_water, acci.events_position_seq, acci.generations
    TO acci_append, acci_project, acci_read, acci_administer;

-- Positions are PostgreSQL's to draw: without the right to that column, OVERRIDING SYSTEM VALUE is of no use, and nothing
-- can appear below the high-water mark.
GRANT INSERT ("timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type,
              data, metadata) ON acci.events TO acci_append, acci_administer;
GRANT SELECT ON acci.events TO acci_append, acci_project, acci_read, acci_administer;
GRANT SELECT, INSERT ON acci.commands TO acci_append;
GRANT SELECT ON acci.commands TO acci_project, acci_administer;
GRANT SELECT, INSERT, UPDATE ON acci.snapshots TO acci_append;
GRANT SELECT ON acci.snapshots, acci.dead_letters, acci.parked_keys, acci.discarded_events TO acci_read;

-- Projecting keeps all books but those of the log, in the tables of later versions too.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA acci TO acci_project;
ALTER DEFAULT PRIVILEGES IN SCHEMA acci GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO acci_project;
REVOKE INSERT, UPDATE, DELETE ON acci.events, acci.commands, acci.seals, acci.discarded_events, acci.imports
    FROM acci_project;
REVOKE INSERT, DELETE ON acci.high_water FROM acci_project;

GRANT INSERT, DELETE ON acci.discarded_events TO acci_administer;
GRANT INSERT ON acci.seals TO acci_administer;
GRANT SELECT, INSERT, UPDATE ON acci.imports TO acci_administer;

-- Never lowered, unless it is beyond the last position drawn: then the log was restored from an older backup. Who only
-- reads or appends knows the mark for itself and leaves it as it is: a wrong one would lose events.
CREATE FUNCTION acci.raise_high_water(mark bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF has_table_privilege('acci.high_water', 'UPDATE') THEN
        UPDATE acci.high_water SET position = mark, established_at = clock_timestamp()
        WHERE position < mark OR position > coalesce(pg_sequence_last_value('acci.events_position_seq'), 0);
    END IF;
END
$$;

-- Projecting makes a schema for each generation, and nothing else in the database.
CREATE FUNCTION acci.make_schema(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name !~ '^(generation|plan)_' THEN
        RAISE EXCEPTION 'a schema % is not made for projecting', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION acci_project', name);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO acci_read', name);
END
$$;
REVOKE EXECUTE ON FUNCTION acci.make_schema(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.make_schema(text) TO acci_project;

-- Other sessions' details are hidden from whoever is neither them nor privileged: asked as the owner.
CREATE FUNCTION acci.sessions(
    OUT pid integer, OUT usename name, OUT application_name text, OUT state text, OUT xact_start timestamptz
) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.pid, a.usename, a.application_name, a.state, a.xact_start
    FROM pg_catalog.pg_stat_activity AS a WHERE a.datname = current_database();
END;
REVOKE EXECUTE ON FUNCTION acci.sessions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.sessions() TO acci_append, acci_project, acci_read, acci_administer;

-- What earlier versions made belongs to who projects from now on. To own a schema takes the right to make one.
GRANT CREATE ON SCHEMA read TO acci_project;
DO $$
DECLARE
    made record;
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO acci_project', current_database());
    FOR made IN SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname ~ '^generation_\d+$' LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO acci_project', made.nspname);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO acci_read', made.nspname);
    END LOOP;
    FOR made IN
        SELECT c.oid::regclass AS name FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname ~ '^generation_\d+$' AND c.relkind IN ('r', 'p', 'v', 'm')
           OR n.nspname = 'read' AND c.relkind = 'v' AND c.relname IN (SELECT projection FROM acci.generations)
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO acci_project', made.name);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON DATABASE %I FROM acci_project', current_database());
END
$$;
