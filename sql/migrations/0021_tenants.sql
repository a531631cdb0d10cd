-- Tenants are kept apart by PostgreSQL. A session says with the setting acci.tenant for which one it works, and sees
-- nothing without; who projects or administers sees every tenant. Policies that are `true` cost nothing: the planner
-- leaves them out.
ALTER TABLE acci.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.commands ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.parked_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY of_the_tenant ON acci.events USING (tenant_id = current_setting('acci.tenant', true));
CREATE POLICY of_the_tenant ON acci.commands USING (tenant_id = current_setting('acci.tenant', true));
CREATE POLICY of_the_tenant ON acci.snapshots USING (tenant_id = current_setting('acci.tenant', true));
-- Theirs are the dead letters and parked keys of the events that they may see.
CREATE POLICY of_the_tenant ON acci.dead_letters
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = dead_letters.position));
CREATE POLICY of_the_tenant ON acci.parked_keys
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = parked_keys.position));

CREATE POLICY of_every_tenant ON acci.events TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.commands TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.snapshots TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.dead_letters TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.parked_keys TO acci_project, acci_administer USING (true);

-- A stream's tenant is that of the statement that writes to it, for as long as the statement takes.
CREATE OR REPLACE FUNCTION acci.append(
    tenant_id text, aggregate_type text, aggregate_id text, expected_version integer,
    timestamps timestamptz[], ids uuid[], schema_versions integer[], event_types text[], data jsonb[],
    metadata jsonb[], command_id uuid, command_name text, command_content bytea,
    OUT positions bigint[], OUT recorded_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    drawn bigint;
BEGIN
    PERFORM set_config('acci.tenant', tenant_id, true);
    recorded_at := clock_timestamp();
    positions := '{}';
    IF expected_version > 0 THEN
        PERFORM FROM acci.events AS e
        WHERE e.tenant_id = tenant_id AND e.aggregate_type = aggregate_type AND e.aggregate_id = aggregate_id
          AND e.version = expected_version;
        IF NOT FOUND THEN
            PERFORM acci.refuse_version(tenant_id, aggregate_type, aggregate_id, 'AC001');
        END IF;
    END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        INSERT INTO acci.events AS e (
            "timestamp", recorded_at, id, version, schema_version,
            tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
        ) VALUES (
            timestamps[i], recorded_at, ids[i], expected_version + i, schema_versions[i],
            tenant_id, aggregate_type, aggregate_id, event_types[i], data[i], metadata[i]
        ) RETURNING e.position INTO drawn;
        positions := positions || drawn;
    END LOOP;
    IF command_id IS NOT NULL THEN
        INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
        VALUES (recorded_at, command_id, tenant_id, command_name, command_content, positions);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION acci.check_version(
    tenant_id text, aggregate_type text, aggregate_id text, version integer
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    actual integer;
BEGIN
    PERFORM set_config('acci.tenant', tenant_id, true);
    SELECT coalesce(max(e.version), 0) INTO actual FROM acci.events AS e
    WHERE e.tenant_id = tenant_id AND e.aggregate_type = aggregate_type AND e.aggregate_id = aggregate_id;
    IF actual <> version THEN
        PERFORM acci.refuse_version(tenant_id, aggregate_type, aggregate_id, 'AC002');
    END IF;
END
$$;

-- Readers see a read model through its view only, which shows them their tenant's rows; its owner, who projects, all. A
-- condition of the view, since beneath a policy PostgreSQL would not search by trigrams: LIKE is not leakproof.
-- The table has a policy as well, for whoever is given rights to it.
CREATE FUNCTION acci.guard(read_model regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', read_model);
    EXECUTE format(
        'CREATE POLICY of_the_tenant ON %s USING (tenant_id::text = current_setting(''acci.tenant'', true))', read_model
    );
    EXECUTE format('CREATE POLICY of_every_tenant ON %s TO acci_project, acci_administer USING (true)', read_model);
END
$$;
REVOKE EXECUTE ON FUNCTION acci.guard(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.guard(regclass) TO acci_project;

-- What earlier versions made.
DO $$
DECLARE
    made record;
    columns text;
BEGIN
    FOR made IN
        SELECT c.oid::regclass AS name, g.generation, g.projection, g.state FROM acci.generations AS g
        JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(format('%I.%I', 'generation_' || g.generation, g.projection))
        WHERE EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        )
    LOOP
        PERFORM acci.guard(made.name);
        IF made.state = 'live' THEN
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = to_regclass(format('read.%I', made.projection)) AND a.attnum > 0 AND NOT a.attisdropped;
            EXECUTE format(
                'CREATE OR REPLACE VIEW read.%I AS SELECT %s FROM %s'
                ' WHERE acci.is_live((SELECT state FROM acci.generations WHERE generation = %s))'
                ' AND (tenant_id::text = (SELECT current_setting(''acci.tenant'', true))'
                '      OR (SELECT pg_has_role(''acci_project'', ''USAGE'')))',
                made.projection, columns, made.name, made.generation
            );
            EXECUTE format('GRANT SELECT ON read.%I TO acci_read', made.projection);
        END IF;
    END LOOP;
END
$$;
