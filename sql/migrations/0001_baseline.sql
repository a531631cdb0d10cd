-- Everything that a database of ACCI has: by noun, each with its rights and its policies. The whole as PostgreSQL tells it
-- is sql/schema.sql.

------------------------------------------------------------------------------------------------------------------------
-- Schemas and roles
------------------------------------------------------------------------------------------------------------------------

CREATE SCHEMA acci;
CREATE SCHEMA read;
COMMENT ON SCHEMA read IS 'The stable names of read models: views over their live generation.';

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
GRANT CREATE ON SCHEMA read TO acci_project;
GRANT SELECT ON acci_migrations.applied TO acci_append, acci_project, acci_read, acci_administer;

-- The role that projects may write every table but those of the log, also the tables of later versions. The rights to those
-- of the log are taken from it below, table by table.
ALTER DEFAULT PRIVILEGES IN SCHEMA acci GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO acci_project;

-- PostgreSQL separates tenants. A session says with the setting acci.tenant for which one it works, and sees nothing
-- without; the roles that project or administer see every tenant. Policies that are `true` cost nothing: the planner
-- leaves them out.

------------------------------------------------------------------------------------------------------------------------
-- The event log: every fact once, in order, forever
------------------------------------------------------------------------------------------------------------------------

-- Fixed-width columns first: no padding, 8 bytes a row less. When an event was recorded is the database's to say: one
-- moment for an append, and never long ago, however long the statement takes. A timestamp that no calendar has would stop
-- every reader.
CREATE TABLE acci.events (
    position       bigint      GENERATED ALWAYS AS IDENTITY,
    "timestamp"    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT greatest(statement_timestamp(), clock_timestamp() - interval '1 second'),
    id             uuid        NOT NULL,
    version        integer     NOT NULL,
    schema_version integer     NOT NULL DEFAULT 1,
    tenant_id      text        NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    event_type     text        NOT NULL,
    data           jsonb       NOT NULL,
    metadata       jsonb       NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_stream_version_key UNIQUE (tenant_id, aggregate_type, aggregate_id, version),
    CONSTRAINT events_version_check CHECK (version > 0),
    CONSTRAINT events_timestamp_check
        CHECK ("timestamp" >= '0001-01-01 00:00:00+00' AND "timestamp" < '10000-01-01 00:00:00+00')
);
COMMENT ON TABLE acci.events IS 'The event log. Append-only: UPDATE, DELETE and TRUNCATE are refused.';

-- Events of one correlation lie close together, so a filter per 64 pages finds them: a thirtieth of the size of a B-tree,
-- and an insert does not feel it.
CREATE INDEX events_by_correlation ON acci.events
    USING brin ((metadata ->> 'correlation_id') text_bloom_ops (n_distinct_per_range = 2000))
    WITH (pages_per_range = 64, autosummarize = on);

-- Which pages may hold events of a type, four at a time: 0.8 MB for 1 M events where a B-tree has 39, and an append
-- does not feel it. What few events concern finds them without reading the others.
CREATE INDEX events_by_type ON acci.events
    USING brin (event_type text_bloom_ops (n_distinct_per_range = 32)) WITH (pages_per_range = 4);

-- Event ids are found without a B-tree, which would cost every append: a filter per 64 pages, of 2 MB a million events.
CREATE INDEX events_by_id ON acci.events
    USING brin (id uuid_bloom_ops (n_distinct_per_range = 1600, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);

-- The events that have one of a few ids. The planner takes such an index for useless in a log of random ids.
CREATE FUNCTION acci.events_of_ids(ids uuid[]) RETURNS SETOF acci.events LANGUAGE sql STABLE
SET enable_seqscan = off SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM acci.events WHERE id = ANY (ids);
END;

-- What an event is, to the byte: whatever is changed about it gives another digest, under any settings of a session; of
-- timestamps without end too.
CREATE FUNCTION acci.event_digest(event acci.events) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(ROW(
    event.position, trunc(extract(epoch FROM event."timestamp") * 1000000),
    trunc(extract(epoch FROM event.recorded_at) * 1000000), event.id, event.version, event.schema_version,
    event.tenant_id, event.aggregate_type, event.aggregate_id, event.event_type, event.data, event.metadata
)::text, 'UTF8'));

CREATE FUNCTION acci.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Append an event that corrects the old one instead.';
END
$$;

CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON acci.events
    FOR EACH STATEMENT EXECUTE FUNCTION acci.refuse_change();
-- Also where a session says that it is a replica, which silences ordinary triggers.
ALTER TABLE acci.events ENABLE ALWAYS TRIGGER events_are_append_only;

-- Positions are PostgreSQL's to draw: without the right to that column, OVERRIDING SYSTEM VALUE is of no use, and nothing
-- can appear below the high-water mark.
GRANT INSERT ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
    ON acci.events TO acci_append, acci_administer;
GRANT SELECT ON acci.events TO acci_append, acci_read, acci_administer;
GRANT SELECT ON acci.events_position_seq TO acci_append, acci_project, acci_read, acci_administer;
REVOKE INSERT, UPDATE, DELETE ON acci.events FROM acci_project;

ALTER TABLE acci.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON acci.events USING (tenant_id = current_setting('acci.tenant', true));
CREATE POLICY of_every_tenant ON acci.events TO acci_project, acci_administer USING (true);

-- What a login that may only append can store by SQL must not stop anybody else. As a policy it is a part of the
-- statement's plan, which is kept; a constraint would cost each append a quarter more.
CREATE POLICY storable ON acci.events AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    schema_version > 0 AND version < 2147483647
    AND tenant_id <> '' AND aggregate_type <> '' AND aggregate_id <> '' AND event_type <> ''
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND octet_length(event_type) <= 500
    AND jsonb_typeof(data) = 'object' AND pg_column_size(data) <= 33554432
    AND jsonb_typeof(metadata) = 'object' AND pg_column_size(metadata) <= 65536
);

------------------------------------------------------------------------------------------------------------------------
-- Streams: expected versions, and the locks of appends to several of them
------------------------------------------------------------------------------------------------------------------------

-- Called where the version of the next event would stand. The detail is what a program reads: the version, the stream.
CREATE FUNCTION acci.refuse_version(tenant_id text, aggregate_type text, aggregate_id text, state text)
RETURNS integer LANGUAGE plpgsql AS $$
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

-- A stream that is read and not written must be at that version still, or SQLSTATE AC002 says at which it is.
CREATE FUNCTION acci.check_version(
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

-- Whether a session holds a stream's lock or waits for it: asked by those that take none, so that those are not always
-- too late. Without waiting.
CREATE FUNCTION acci.is_turn_taken(tenant_id text, aggregate_type text, aggregate_id text) RETURNS boolean LANGUAGE sql
VOLATILE
RETURN NOT pg_try_advisory_xact_lock_shared(
    hashtextextended(jsonb_build_array(tenant_id, aggregate_type, aggregate_id)::text, 4)
);

------------------------------------------------------------------------------------------------------------------------
-- Commands: which were handled, with what content, and what they led to (idempotency)
------------------------------------------------------------------------------------------------------------------------

-- With personal data the content is a digest under the person's key, behind the key's id. Erasing empties those that were
-- made without; an empty one is not compared.
CREATE TABLE acci.commands (
    recorded_at timestamptz NOT NULL,
    id          uuid        NOT NULL,
    tenant_id   text        NOT NULL,
    name        text        NOT NULL,
    content     bytea       NOT NULL,  -- SHA-256 of the name and the data: the same id means the same command
    positions   bigint[]    NOT NULL,  -- the events it led to, in order; none if there was nothing to do
    CONSTRAINT commands_pkey PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN acci.commands.content IS
    'SHA-256 of the name and the data; with personal data, the ids of keys and an HMAC under them; empty once erased.';

GRANT SELECT, INSERT ON acci.commands TO acci_append;
GRANT SELECT ON acci.commands TO acci_read, acci_administer;
GRANT UPDATE (content) ON acci.commands TO acci_administer;
REVOKE INSERT, UPDATE, DELETE ON acci.commands FROM acci_project;

ALTER TABLE acci.commands ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON acci.commands USING (tenant_id = current_setting('acci.tenant', true));
CREATE POLICY of_every_tenant ON acci.commands TO acci_project, acci_administer USING (true);
CREATE POLICY storable ON acci.commands AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    recorded_at >= '0001-01-01 00:00:00+00' AND recorded_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(name) <= 500
    AND pg_column_size(content) <= 65536 AND pg_column_size(positions) <= 33554432
);

------------------------------------------------------------------------------------------------------------------------
-- Snapshots: an aggregate's state, folded up to a version. Never needed, only quicker; any of them may be dropped
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.snapshots (
    taken_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    version        integer     NOT NULL CHECK (version > 0),
    tenant_id      text        NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    state_schema   text        NOT NULL,  -- of the class that folded it; another class ignores it
    state          jsonb       NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (tenant_id, aggregate_type, aggregate_id, version)
);

-- A right to UPDATE, DELETE or TRUNCATE a whole table is a right to LOCK it in any mode, against everybody; of columns it
-- is none: a login that only appends must not stop every command.
GRANT SELECT, INSERT, UPDATE (state_schema, state, taken_at) ON acci.snapshots TO acci_append;
GRANT SELECT ON acci.snapshots TO acci_read;

ALTER TABLE acci.snapshots ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON acci.snapshots USING (tenant_id = current_setting('acci.tenant', true));
CREATE POLICY of_every_tenant ON acci.snapshots TO acci_project, acci_administer USING (true);
CREATE POLICY storable ON acci.snapshots AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    taken_at >= '0001-01-01 00:00:00+00' AND taken_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND jsonb_typeof(state) = 'object'
);
CREATE POLICY storable_again ON acci.snapshots AS RESTRICTIVE FOR UPDATE TO acci_append USING (true) WITH CHECK (
    taken_at >= '0001-01-01 00:00:00+00' AND taken_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND jsonb_typeof(state) = 'object'
);

------------------------------------------------------------------------------------------------------------------------
-- Generations: one build of a read model each
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.generations (
    generation   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection   text        NOT NULL,
    state        text        NOT NULL DEFAULT 'building'
                 -- rejected: stopped at the gate; kept to be looked at until the next rebuild
                 CHECK (state IN ('building', 'rejected', 'live', 'kept', 'dropped')),
    fingerprint  text        NOT NULL,
    definition   jsonb       NOT NULL,  -- the parts behind the fingerprint, to name what changed
    indexes      jsonb       NOT NULL DEFAULT '[]',  -- taken off the table for loading, to be built again
    shape        jsonb       NOT NULL DEFAULT '{}',  -- the table as it was made, to notice what was altered by hand
    checkpoint   bigint      NOT NULL DEFAULT 0 CHECK (checkpoint >= 0),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    advanced_at  timestamptz,
    skipped      bigint[]    NOT NULL DEFAULT '{}',  -- discarded events that its rows were made without
    kept_at      bigint                              -- of a kept one: where its checkpoint must be
) WITH (fillfactor = 50);
COMMENT ON COLUMN acci.generations.checkpoint IS 'Every event up to this position has been applied.';
COMMENT ON COLUMN acci.generations.kept_at IS 'How far a kept generation has come: another checkpoint was moved by hand.';

-- One live generation a projection, and one in the making.
CREATE UNIQUE INDEX generations_live_key ON acci.generations (projection) WHERE state = 'live';
CREATE UNIQUE INDEX generations_building_key ON acci.generations (projection) WHERE state = 'building';

GRANT SELECT ON acci.generations TO acci_append, acci_read, acci_administer;

CREATE FUNCTION acci.note_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.kept_at := CASE WHEN NEW.state = 'kept' THEN NEW.checkpoint END;
    RETURN NEW;
END
$$;
CREATE TRIGGER generations_note_kept BEFORE UPDATE OF state ON acci.generations
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION acci.note_kept();

-- Which rules of a projection are newer: the order in which they were first seen to build. Older ones, of a program that
-- was not upgraded yet, must not undo what newer ones made, unless that is asked for.
CREATE TABLE acci.rules (
    projection  text        NOT NULL,
    fingerprint text        NOT NULL,
    number      bigint      NOT NULL,  -- the higher, the newer
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, fingerprint)
);
GRANT SELECT ON acci.rules TO acci_append, acci_read, acci_administer;

CREATE FUNCTION acci.note_rules() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine   bigint := (SELECT r.number FROM acci.rules AS r
                      WHERE r.projection = NEW.projection AND r.fingerprint = NEW.fingerprint);
    of_live bigint := (SELECT r.number FROM acci.generations AS g
                       JOIN acci.rules AS r ON r.projection = g.projection AND r.fingerprint = g.fingerprint
                       WHERE g.projection = NEW.projection AND g.state = 'live');
BEGIN
    IF mine < of_live AND current_setting('acci.allow_older_rules', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION '% is live by newer rules than those of this program', NEW.projection
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Upgrade the program; if its rules are meant: acci run rebuild ' || NEW.projection
                         || ' --allow-older-rules';
    END IF;
    IF mine IS NULL OR mine < of_live THEN
        INSERT INTO acci.rules AS known (projection, fingerprint, number)
        SELECT NEW.projection, NEW.fingerprint, coalesce(max(r.number), 0) + 1
        FROM acci.rules AS r WHERE r.projection = NEW.projection
        ON CONFLICT (projection, fingerprint) DO UPDATE SET number = excluded.number;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER generations_note_rules BEFORE INSERT OR UPDATE OF fingerprint ON acci.generations
    FOR EACH ROW EXECUTE FUNCTION acci.note_rules();

-- A generation is built in partitions of its keys; a rerun goes on with those that are behind.
CREATE TABLE acci.partitions (
    generation bigint           NOT NULL REFERENCES acci.generations,
    partition  integer          NOT NULL CHECK (partition >= 0),
    partitions integer          NOT NULL CHECK (partitions > partition),
    checkpoint bigint           NOT NULL DEFAULT 0,
    target     bigint           NOT NULL,
    rows       bigint           NOT NULL DEFAULT 0,  -- what filling took, for estimates
    seconds    double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, partition)
);

-- What building each generation took: positions read, rows and bytes made, seconds for the slowest partition and for
-- indexes.
CREATE TABLE acci.builds (
    generation     bigint           PRIMARY KEY REFERENCES acci.generations,
    partitions     integer          NOT NULL,
    positions      bigint           NOT NULL,
    rows           bigint           NOT NULL,
    bytes          bigint           NOT NULL,
    fill_seconds   double precision NOT NULL,
    finish_seconds double precision NOT NULL,
    finished_at    timestamptz      NOT NULL DEFAULT clock_timestamp()
);

-- A part of a live read model that is re-derived, chunk by chunk, so that a rerun goes on with what is missing.
CREATE TABLE acci.backfills (
    backfill    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection  text        NOT NULL,
    generation  bigint      NOT NULL REFERENCES acci.generations,
    selection   jsonb       NOT NULL,
    state       text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'superseded')),
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);

CREATE TABLE acci.backfill_chunks (
    backfill bigint           NOT NULL REFERENCES acci.backfills,
    chunk    integer          NOT NULL,
    state    text             NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    size     integer          NOT NULL,
    keys     jsonb            NOT NULL,  -- lists of text; emptied once they are done
    rows     bigint,
    seconds  double precision,
    error    text,
    ended_at timestamptz,
    PRIMARY KEY (backfill, chunk)
);

------------------------------------------------------------------------------------------------------------------------
-- Read models: the schemas and tables of generations, and what readers see
------------------------------------------------------------------------------------------------------------------------

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

-- Readers see a read model through its view only, which shows them their tenant's rows; its owner, who projects, all. A
-- condition of the view, since beneath a policy PostgreSQL would not search by trigrams: LIKE is not leakproof.
-- The table has a policy as well, for roles that are given rights to it.
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

-- Every read model's view asks this of its generation's state. A transaction whose snapshot is older than the swap would
-- find the new table empty or half filled, since it was filled later; it is refused instead. A statement with a snapshot
-- of its own (READ COMMITTED, the default) always finds what is live.
CREATE FUNCTION acci.is_live(state text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF state IS DISTINCT FROM 'live' THEN
        RAISE EXCEPTION 'the read model was swapped after this transaction began'
            USING ERRCODE = 'serialization_failure', HINT = 'Begin the transaction again.';
    END IF;
    RETURN true;
END
$$;

-- What searching in text needs: indexes over its trigrams, and patterns that take a user's words literally.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;

-- The LIKE pattern of all texts that contain `part`; %, _ and \ in it mean themselves. Inlined, so an index serves it.
CREATE FUNCTION read.containing(part text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '%' || replace(replace(replace(part, '\', '\\'), '%', '\%'), '_', '\_') || '%';

------------------------------------------------------------------------------------------------------------------------
-- What compiled rules call
------------------------------------------------------------------------------------------------------------------------

-- Called in place of a required value that an event's payload lacks: the event cannot be applied.
CREATE FUNCTION acci.missing(at bigint, field text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION 'the event at position % has no %', at, field USING ERRCODE = 'null_value_not_allowed';
END
$$;

-- Called for an event of a schema version that the code does not know: a newer ACCI stored it.
CREATE FUNCTION acci.unreadable(at bigint, schema_version integer) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RAISE EXCEPTION 'the event at position % has schema version %, which this code does not know', at, schema_version
        USING ERRCODE = 'data_exception';
END
$$;

-- The first value that is not NULL, in the order in which rows come: a fold reads the newest event first.
-- Since PostgreSQL 16 its transition is the server's own; before, a function that returns the state as it is.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        CREATE AGGREGATE acci.first(anyelement) (SFUNC = pg_catalog.any_value_transfn, STYPE = anyelement);
    ELSE
        CREATE FUNCTION acci.kept(anyelement, anyelement) RETURNS anyelement
            LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1';
        CREATE AGGREGATE acci.first(anyelement) (SFUNC = acci.kept, STYPE = anyelement);
    END IF;
END
$$;

-- The calendar that all parts know: what is beyond its years, or endless, no client can read. An event from which a rule
-- would take such a day or moment cannot be applied.
CREATE DOMAIN acci.day AS date
    CONSTRAINT day_within_the_years_1_to_9999 CHECK (VALUE BETWEEN '0001-01-01' AND '9999-12-31');
CREATE DOMAIN acci.moment AS timestamptz
    CONSTRAINT moment_within_the_years_1_to_9999
    CHECK (VALUE >= timestamptz '0001-01-01 00:00:00+00' AND VALUE < timestamptz '9999-12-31 24:00:00+00');

------------------------------------------------------------------------------------------------------------------------
-- Dead letters: events that a projection could not apply, and the keys that wait behind them
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.dead_letters (
    dead_letter bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation  bigint      NOT NULL REFERENCES acci.generations,
    position    bigint      NOT NULL,
    event_type  text        NOT NULL,
    keys        jsonb       NOT NULL,  -- the key of each row it would have changed, as lists of text; none if unknown
    error       text        NOT NULL,
    payload     jsonb       NOT NULL,
    tries       integer     NOT NULL DEFAULT 1,
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_tried  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dead_letters_event_key UNIQUE (generation, position)
);

-- Parked: the key's events wait, in order, until it is re-derived.
CREATE TABLE acci.parked_keys (
    generation bigint NOT NULL REFERENCES acci.generations,
    key        text[] NOT NULL,
    position   bigint NOT NULL,  -- of the event that parked it
    PRIMARY KEY (generation, key)
);

-- Discarded by a person: never applied by this projection, whatever is rebuilt. A discard says which dead letter it was,
-- who discarded it, and the event as it was then. Without that, or with an event that is another one now, it does not
-- count: the row was put there, or the event changed, by hand.
CREATE TABLE acci.discarded_events (
    projection   text        NOT NULL,
    position     bigint      NOT NULL,
    reason       text        NOT NULL,
    discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dead_letter  bigint,
    discarded_by text,
    event_digest bytea,
    PRIMARY KEY (projection, position)
);

GRANT SELECT ON acci.dead_letters, acci.parked_keys, acci.discarded_events TO acci_read;
GRANT DELETE ON acci.discarded_events TO acci_administer;
REVOKE INSERT, UPDATE, DELETE ON acci.discarded_events FROM acci_project;

-- A tenant sees the dead letters, parked keys and discards of the events that it may see.
ALTER TABLE acci.dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.parked_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE acci.discarded_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON acci.dead_letters
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = dead_letters.position));
CREATE POLICY of_the_tenant ON acci.parked_keys
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = parked_keys.position));
CREATE POLICY of_the_tenant ON acci.discarded_events
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = discarded_events.position));
CREATE POLICY of_every_tenant ON acci.dead_letters TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.parked_keys TO acci_project, acci_administer USING (true);
CREATE POLICY of_every_tenant ON acci.discarded_events TO acci_project, acci_administer USING (true);

CREATE FUNCTION acci.discard(letter bigint, why text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO acci.discarded_events AS known (projection, position, reason, dead_letter, discarded_by, event_digest)
    SELECT g.projection, d.position, why, d.dead_letter, session_user, acci.event_digest(e)
    FROM acci.dead_letters AS d
    JOIN acci.generations AS g ON g.generation = d.generation
    JOIN acci.events AS e ON e.position = d.position
    WHERE d.dead_letter = letter
    ON CONFLICT (projection, position) DO UPDATE
    SET reason = excluded.reason, dead_letter = excluded.dead_letter, discarded_by = excluded.discarded_by,
        event_digest = excluded.event_digest, discarded_at = clock_timestamp()
    WHERE known.event_digest IS DISTINCT FROM excluded.event_digest;
END;
REVOKE EXECUTE ON FUNCTION acci.discard(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.discard(bigint, text) TO acci_administer;

------------------------------------------------------------------------------------------------------------------------
-- Positions: the high-water mark, and the sequence that must not fall behind
------------------------------------------------------------------------------------------------------------------------

-- The highest position at and below which nothing can still appear, as last established (one row).
CREATE TABLE acci.high_water (
    only_row       boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    position       bigint      NOT NULL,
    established_at timestamptz NOT NULL
);
INSERT INTO acci.high_water (position, established_at) VALUES (0, clock_timestamp());
GRANT SELECT ON acci.high_water TO acci_append, acci_read, acci_administer;
REVOKE INSERT, DELETE ON acci.high_water FROM acci_project;

-- The mark as appends look at it: to read a sequence costs them nothing, a row or a trigger a fifth.
CREATE SEQUENCE acci.passed_positions;
GRANT SELECT ON acci.passed_positions TO acci_append, acci_read;
GRANT SELECT, UPDATE ON acci.passed_positions TO acci_project, acci_administer;

-- The position of the last stored event, for every role: row security would show a tenant less, and search long for it.
CREATE FUNCTION acci.log_end() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(max(e.position), 0) FROM acci.events AS e;
END;
REVOKE EXECUTE ON FUNCTION acci.log_end() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.log_end() TO acci_append, acci_project, acci_read, acci_administer;

-- Where no position may be given: up to the end of the log, and up to where readers' read models are.
CREATE FUNCTION acci.passed() RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT greatest(acci.log_end(), max(g.checkpoint)) FROM acci.generations AS g WHERE g.state = 'live';
END;

-- The transactions that hold an inserter's lock on the events table now, prepared ones too.
CREATE FUNCTION acci.appending() RETURNS text[] LANGUAGE sql VOLATILE
RETURN ARRAY(
    SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
    WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'
      AND relation = 'acci.events'::regclass
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
);

-- A candidate for the mark and who may still be writing below it. The order is the proof: an inserter takes its lock
-- on the table before it draws a position, so whoever drew one up to the candidate is seen here or has ended; and what
-- is stored was drawn before it was seen here.
-- Without holders (NULL) no new mark can be established: a standby knows neither who is appending on the primary nor what
-- was drawn there; and where the sequence is behind the log, holes above the mark may be filled. What was established
-- before still holds.
CREATE FUNCTION acci.high_water_candidate(OUT candidate bigint, OUT holders text[]) LANGUAGE plpgsql AS $$
DECLARE
    stored CONSTANT bigint := acci.log_end();
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO candidate FROM acci.events_position_seq;
    IF candidate < stored OR pg_is_in_recovery() THEN
        candidate := (SELECT CASE WHEN position <= stored THEN position ELSE 0 END FROM acci.high_water);
    ELSE
        holders := acci.appending();
    END IF;
END
$$;

-- Never lowered, unless it is beyond the log: then that was restored from an older backup. Not below a read model that
-- readers see, either, so that nothing is appended there until it is rebuilt. A standby leaves it as the primary has it;
-- a session that only reads or appends knows the mark for itself: a wrong one would lose events.
CREATE FUNCTION acci.raise_high_water(mark bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() OR NOT has_table_privilege('acci.high_water', 'UPDATE') THEN
        RETURN;
    END IF;
    UPDATE acci.high_water SET position = mark, established_at = clock_timestamp()
    WHERE position < mark
       OR position > greatest(pg_sequence_last_value('acci.events_position_seq'), acci.passed());
    IF FOUND AND mark > 0 THEN
        PERFORM setval('acci.passed_positions', mark);
    END IF;
END
$$;

CREATE FUNCTION acci.refuse_position(drawn bigint, passed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the sequence of positions is at %, and position % is taken or passed', drawn, passed
        USING ERRCODE = 'AC005';
END
$$;

-- Before anything is appended. Logical replication and partial restores leave the sequence behind the rows: positions that
-- it gives then lie below checkpoints, and no read model would ever see such events.
CREATE FUNCTION acci.require_sequence() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    passed CONSTANT bigint := acci.passed();  -- first: what is stored was drawn
    drawn CONSTANT bigint := coalesce(pg_sequence_last_value('acci.events_position_seq'), 0);
BEGIN
    IF drawn < passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
END
$$;

-- For a position at or below that mark: refused, unless the log was restored from an older backup, and the mark is to be
-- set back.
CREATE FUNCTION acci.require_above(drawn bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    passed CONSTANT bigint := acci.passed();
BEGIN
    IF drawn <= passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
    RETURN true;
END
$$;

-- As a policy it is a part of the statement's plan, and reaches appends by SQL too.
CREATE POLICY above_read_models ON acci.events AS RESTRICTIVE FOR INSERT TO acci_append, acci_administer WITH CHECK (
    position > coalesce(pg_sequence_last_value('acci.passed_positions'), 0) OR acci.require_above(position)
);

-- For migrating: the sequence at the end of the log, if it was behind. Nothing is appended meanwhile.
CREATE FUNCTION acci.set_sequence_on() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) < acci.log_end() THEN
        LOCK TABLE acci.events IN SHARE ROW EXCLUSIVE MODE;
        PERFORM setval(
            'acci.events_position_seq',
            greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq'))
        );
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION acci.set_sequence_on() FROM PUBLIC;

------------------------------------------------------------------------------------------------------------------------
-- Seals: ranges of the log with a digest each, chained, so that a change of an old event shows, and shows where
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.seals (
    seal      bigint      PRIMARY KEY CHECK (seal > 0),
    after     bigint      NOT NULL CHECK (after >= 0),
    upto      bigint      NOT NULL CHECK (upto > after),
    events    bigint      NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest    bytea       NOT NULL,  -- of the digests of the events in (after, upto], in order
    chain     bytea       NOT NULL,  -- of the chain before, the range and the digest: the last one stands for all
    positions bigint[]    NOT NULL,  -- of the events, to say which one is gone or new
    marks     bigint[]    NOT NULL   -- of each of them, to say which one was changed
);
GRANT INSERT ON acci.seals TO acci_administer;
REVOKE INSERT, UPDATE, DELETE ON acci.seals FROM acci_project;

-- The first eight bytes of an event's digest: enough to tell which event of a broken range it is.
CREATE FUNCTION acci.event_mark(digest bytea) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || encode(substr(digest, 1, 8), 'hex'))::bit(64)::bigint;

CREATE FUNCTION acci.seal_chain(before bytea, after bigint, upto bigint, events bigint, digest bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(coalesce(before, '') || int8send(after) || int8send(upto) || int8send(events) || digest);

CREATE FUNCTION acci.refuse_change_of_seals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seals are kept for good: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER seals_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON acci.seals
    FOR EACH STATEMENT EXECUTE FUNCTION acci.refuse_change_of_seals();
ALTER TABLE acci.seals ENABLE ALWAYS TRIGGER seals_are_kept;

------------------------------------------------------------------------------------------------------------------------
-- Audits and findings
------------------------------------------------------------------------------------------------------------------------

-- The audits that were made, newest last: when, how much they checked, and what they came to.
CREATE TABLE acci.audits (
    audit    bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at  timestamptz      NOT NULL DEFAULT clock_timestamp(),
    seconds  double precision NOT NULL,
    full_set boolean          NOT NULL,  -- every check on everything, sampled or not; else a part was asked for
    one_in   integer          NOT NULL,
    checks   integer          NOT NULL,
    left_out integer          NOT NULL,
    errors   integer          NOT NULL,
    warnings integer          NOT NULL,
    infos    integer          NOT NULL,
    run      text             NOT NULL DEFAULT ''  -- the run that made it, to be looked up in Prefect; empty if none did
);

-- What audits found wrong, since when, and when it was gone.
CREATE TABLE acci.findings (
    finding     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_name  text        NOT NULL,
    projection  text,                  -- NULL: the log, not a read model
    place       jsonb       NOT NULL,  -- what the finding is about: a key, a stream, a position; name to text
    severity    text        NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    problem     text        NOT NULL,  -- a sentence
    details     jsonb       NOT NULL DEFAULT '{}',
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    resolved_at timestamptz            -- seen to be gone; if it comes again, that is a new finding
);

-- One open finding a place. By a hash, since a place may be longer than an index row.
CREATE UNIQUE INDEX findings_open_key ON acci.findings (check_name, coalesce(projection, ''), md5(place::text))
    WHERE resolved_at IS NULL;

-- PostgreSQL's statistics have values of rows that are gone; only the owner may gather them again.
CREATE FUNCTION acci.analyze_findings() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE acci.findings;
END
$$;
REVOKE EXECUTE ON FUNCTION acci.analyze_findings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.analyze_findings() TO acci_administer;

------------------------------------------------------------------------------------------------------------------------
-- Health and metrics: figures that are kept as they arise, so that to ask for them reads no history
------------------------------------------------------------------------------------------------------------------------

-- The upper bounds of the buckets that batches are counted in, in seconds; beyond the last is one more bucket.
CREATE FUNCTION acci.batch_bounds() RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,30,60}'::double precision[];

-- How long batches took, counted by each batch in its own transaction. One runner a projection, so nobody waits.
CREATE TABLE acci.batch_durations (
    projection text             NOT NULL,
    bucket     integer          NOT NULL,  -- 0: up to the first bound
    batches    bigint           NOT NULL,
    seconds    double precision NOT NULL,
    PRIMARY KEY (projection, bucket)
) WITH (fillfactor = 50);

-- Events by type, counted up to a position; the next count goes on from there.
CREATE TABLE acci.event_counts (
    event_type text   PRIMARY KEY,
    events     bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE acci.counted (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL
) WITH (fillfactor = 50);
INSERT INTO acci.counted (position) VALUES (0);

-- The snapshots by size, as they were when last measured.
CREATE TABLE acci.snapshot_sizes (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    measured_at timestamptz NOT NULL,
    sizes       jsonb       NOT NULL  -- lists of aggregate type, bucket, snapshots, bytes
) WITH (fillfactor = 50);
INSERT INTO acci.snapshot_sizes (measured_at, sizes) VALUES ('-infinity', '[]');

-- How far read models were behind, sampled every few minutes: for a curve of the last days.
CREATE TABLE acci.lag_samples (
    sampled_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    projection text             NOT NULL,
    events     bigint           NOT NULL,
    seconds    double precision NOT NULL,
    PRIMARY KEY (projection, sampled_at)
);

-- Other sessions' details are hidden from roles that are neither theirs nor privileged: asked as the owner. What a session
-- waits for too: one that waits for a synchronous standby has committed, and is not a forgotten one.
CREATE FUNCTION acci.sessions(
    OUT pid integer, OUT usename name, OUT application_name text, OUT state text, OUT xact_start timestamptz,
    OUT wait_event text
) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.pid, a.usename, a.application_name, a.state, a.xact_start, a.wait_event
    FROM pg_catalog.pg_stat_activity AS a WHERE a.datname = current_database();
END;
REVOKE EXECUTE ON FUNCTION acci.sessions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.sessions() TO acci_append, acci_project, acci_read, acci_administer;

------------------------------------------------------------------------------------------------------------------------
-- Imports: the files that were imported, by their content, and how far an import that goes in parts has come
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.imports (
    content     bytea       PRIMARY KEY,  -- SHA-256 of the file
    mapping     bytea       NOT NULL,     -- SHA-256 of what the mapping says
    file        text        NOT NULL,
    lines       bigint      NOT NULL DEFAULT 0,  -- read so far, all their events stored
    bytes       bigint      NOT NULL DEFAULT 0,
    events      bigint      NOT NULL DEFAULT 0,
    known       bigint      NOT NULL DEFAULT 0,  -- events that were in the log already: passed over
    bad_lines   bigint      NOT NULL DEFAULT 0,  -- left out
    rejected    jsonb       NOT NULL DEFAULT '[]',  -- the first of them: [line, reason]
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON acci.imports TO acci_administer;
REVOKE INSERT, UPDATE, DELETE ON acci.imports FROM acci_project;

------------------------------------------------------------------------------------------------------------------------
-- Which database this is
------------------------------------------------------------------------------------------------------------------------

-- For those who keep records about it elsewhere: the deployments on a Prefect server. Renaming or moving it, a dump and
-- its restore leave it what it is. There is one row.
CREATE TABLE acci.identity (
    id     uuid    NOT NULL DEFAULT gen_random_uuid(),
    single boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (single)
);
INSERT INTO acci.identity DEFAULT VALUES;
GRANT SELECT ON acci.identity TO acci_project, acci_administer;
