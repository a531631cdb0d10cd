-- Appending, and the memory of commands: which were handled, with what content, and what they led to.
CREATE TABLE acci.commands (
    recorded_at timestamptz NOT NULL,
    id          uuid        NOT NULL,
    tenant_id   text        NOT NULL,
    name        text        NOT NULL,
    content     bytea       NOT NULL,  -- SHA-256 of the name and the data: the same id means the same command
    positions   bigint[]    NOT NULL,  -- the events it led to, in order; none if there was nothing to do
    CONSTRAINT commands_pkey PRIMARY KEY (tenant_id, id)
);

-- All events of a call or none, and with them the memory of the command that led to them. A stream that is not at the expected version is refused with SQLSTATE AC001, the
-- actual version in the detail; two who get past that meet at the unique constraint, and the second one fails there.
-- A function, not INSERT … SELECT FROM unnest(…): that costs a quarter of a single-row INSERT more, this a tenth.
CREATE FUNCTION acci.append(
    tenant_id text, aggregate_type text, aggregate_id text, expected_version integer,
    timestamps timestamptz[], ids uuid[], schema_versions integer[], event_types text[], data jsonb[],
    metadata jsonb[], command_id uuid, command_name text, command_content bytea,
    OUT positions bigint[], OUT recorded_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    drawn bigint;
BEGIN
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

-- The detail is what a program reads: the version, the stream.
CREATE FUNCTION acci.refuse_version(tenant_id text, aggregate_type text, aggregate_id text, state text)
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    actual integer;
BEGIN
    SELECT coalesce(max(e.version), 0) INTO actual FROM acci.events AS e
    WHERE e.tenant_id = tenant_id AND e.aggregate_type = aggregate_type AND e.aggregate_id = aggregate_id;
    RAISE EXCEPTION 'the stream (%, %, %) is at version %', tenant_id, aggregate_type, aggregate_id, actual
        USING ERRCODE = state,
              DETAIL = jsonb_build_array(actual, tenant_id, aggregate_type, aggregate_id)::text;
END
$$;

-- Until the end of the transaction no other one of several streams writes to those it shares with this one, or writes
-- what this one only reads. In the order of their keys, so that two never wait for each other. An append to a single
-- stream needs no lock: it reads nothing but what it writes, and there the unique constraint decides.
CREATE FUNCTION acci.lock_streams(tenant_ids text[], aggregate_types text[], aggregate_ids text[], written boolean[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stream record;
BEGIN
    FOR stream IN
        SELECT hashtextextended(jsonb_build_array(t, a, i)::text, 4) AS key, bool_or(w) AS written
        FROM unnest(tenant_ids, aggregate_types, aggregate_ids, written) AS s (t, a, i, w)
        GROUP BY 1 ORDER BY 1
    LOOP
        IF stream.written THEN
            PERFORM pg_advisory_xact_lock(stream.key);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(stream.key);
        END IF;
    END LOOP;
END
$$;

-- A stream that is read and not written must be at that version still, or SQLSTATE AC002 says at which it is.
CREATE FUNCTION acci.check_version(tenant_id text, aggregate_type text, aggregate_id text, version integer)
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    actual integer;
BEGIN
    SELECT coalesce(max(e.version), 0) INTO actual FROM acci.events AS e
    WHERE e.tenant_id = tenant_id AND e.aggregate_type = aggregate_type AND e.aggregate_id = aggregate_id;
    IF actual <> version THEN
        PERFORM acci.refuse_version(tenant_id, aggregate_type, aggregate_id, 'AC002');
    END IF;
END
$$;
