-- What the migrations make, table by table; `make schema` writes it from a database. To be read, not run: `acci
-- migrate` makes it.

-- Roles

ALTER DEFAULT PRIVILEGES FOR ROLE (owner) IN SCHEMA acci GRANT DELETE ON TABLES TO acci_project;
ALTER DEFAULT PRIVILEGES FOR ROLE (owner) IN SCHEMA acci GRANT INSERT ON TABLES TO acci_project;
ALTER DEFAULT PRIVILEGES FOR ROLE (owner) IN SCHEMA acci GRANT SELECT ON TABLES TO acci_project;
ALTER DEFAULT PRIVILEGES FOR ROLE (owner) IN SCHEMA acci GRANT UPDATE ON TABLES TO acci_project;
GRANT acci_project TO acci_administer;
ALTER ROLE acci_administer NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION INHERIT NOLOGIN;
ALTER ROLE acci_append NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION INHERIT NOLOGIN;
ALTER ROLE acci_project NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION INHERIT NOLOGIN;
ALTER ROLE acci_read NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION INHERIT NOLOGIN;

-- Schemas

-- schema read: The stable names of read models: views over their live generation.
GRANT CREATE, USAGE ON SCHEMA read TO acci_project;
GRANT USAGE ON SCHEMA acci TO acci_administer, acci_append, acci_project, acci_read;
GRANT USAGE ON SCHEMA acci_migrations TO acci_administer, acci_append, acci_project, acci_read;
GRANT USAGE ON SCHEMA read TO acci_administer, acci_append, acci_read;

-- Types

CREATE DOMAIN acci.day AS date day_within_the_years_1_to_9999 CHECK (((VALUE >= '0001-01-01'::date) AND (VALUE <= '9999-12-31'::date)));
CREATE DOMAIN acci.moment AS timestamp with time zone moment_within_the_years_1_to_9999 CHECK (((VALUE >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (VALUE < '10000-01-01 00:00:00+00'::timestamp with time zone)));

-- acci.audits

CREATE TABLE acci.audits (
    audit bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    made_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    seconds double precision NOT NULL,
    full_set boolean NOT NULL,
    one_in integer NOT NULL,
    checks integer NOT NULL,
    left_out integer NOT NULL,
    errors integer NOT NULL,
    warnings integer NOT NULL,
    infos integer NOT NULL,
    run text NOT NULL DEFAULT ''::text,
    CONSTRAINT audits_pkey PRIMARY KEY (audit)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.audits TO acci_project;

-- acci.backfill_chunks

CREATE TABLE acci.backfill_chunks (
    backfill bigint NOT NULL,
    chunk integer NOT NULL,
    state text NOT NULL DEFAULT 'pending'::text,
    size integer NOT NULL,
    keys jsonb NOT NULL,
    rows bigint,
    seconds double precision,
    error text,
    ended_at timestamp with time zone,
    CONSTRAINT backfill_chunks_backfill_fkey FOREIGN KEY (backfill) REFERENCES acci.backfills(backfill),
    CONSTRAINT backfill_chunks_pkey PRIMARY KEY (backfill, chunk),
    CONSTRAINT backfill_chunks_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text])))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.backfill_chunks TO acci_project;

-- acci.backfills

CREATE TABLE acci.backfills (
    backfill bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    projection text NOT NULL,
    generation bigint NOT NULL,
    selection jsonb NOT NULL,
    state text NOT NULL DEFAULT 'running'::text,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamp with time zone,
    CONSTRAINT backfills_generation_fkey FOREIGN KEY (generation) REFERENCES acci.generations(generation),
    CONSTRAINT backfills_pkey PRIMARY KEY (backfill),
    CONSTRAINT backfills_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'superseded'::text])))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.backfills TO acci_project;

-- acci.batch_durations

CREATE TABLE acci.batch_durations (
    projection text NOT NULL,
    bucket integer NOT NULL,
    batches bigint NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT batch_durations_pkey PRIMARY KEY (projection, bucket)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.batch_durations TO acci_project;

-- acci.builds

CREATE TABLE acci.builds (
    generation bigint NOT NULL,
    partitions integer NOT NULL,
    positions bigint NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    fill_seconds double precision NOT NULL,
    finish_seconds double precision NOT NULL,
    finished_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT builds_generation_fkey FOREIGN KEY (generation) REFERENCES acci.generations(generation),
    CONSTRAINT builds_pkey PRIMARY KEY (generation)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.builds TO acci_project;

-- acci.commands

CREATE TABLE acci.commands (
    recorded_at timestamp with time zone NOT NULL,
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    name text NOT NULL,
    content bytea NOT NULL,
    positions bigint[] NOT NULL,
    CONSTRAINT commands_pkey PRIMARY KEY (tenant_id, id)
);
-- column content of table acci.commands: SHA-256 of the name and the data; with personal data, the ids of keys and an HMAC under them; empty once erased.
CREATE POLICY of_every_tenant ON acci.commands AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.commands AS PERMISSIVE FOR ALL TO PUBLIC USING ((tenant_id = current_setting('acci.tenant'::text, true)));
CREATE POLICY storable ON acci.commands AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (((recorded_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (recorded_at < '10000-01-01 00:00:00+00'::timestamp with time zone) AND (octet_length(tenant_id) <= 500) AND (octet_length(name) <= 500) AND (pg_column_size(content) <= 65536) AND (pg_column_size(positions) <= 33554432)));
ALTER TABLE acci.commands ENABLE ROW LEVEL SECURITY;
GRANT INSERT, SELECT ON TABLE acci.commands TO acci_append;
GRANT SELECT ON TABLE acci.commands TO acci_administer, acci_project, acci_read;
GRANT UPDATE (content) ON acci.commands TO acci_administer;

-- acci.counted

CREATE TABLE acci.counted (
    only_row boolean NOT NULL DEFAULT true,
    "position" bigint NOT NULL,
    CONSTRAINT counted_only_row_check CHECK (only_row),
    CONSTRAINT counted_pkey PRIMARY KEY (only_row)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.counted TO acci_project;

-- acci.dead_letters

CREATE TABLE acci.dead_letters (
    dead_letter bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    generation bigint NOT NULL,
    "position" bigint NOT NULL,
    event_type text NOT NULL,
    keys jsonb NOT NULL,
    error text NOT NULL,
    payload jsonb NOT NULL,
    tries integer NOT NULL DEFAULT 1,
    first_seen timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    last_tried timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dead_letters_event_key UNIQUE (generation, "position"),
    CONSTRAINT dead_letters_generation_fkey FOREIGN KEY (generation) REFERENCES acci.generations(generation),
    CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter)
);
CREATE POLICY of_every_tenant ON acci.dead_letters AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.dead_letters AS PERMISSIVE FOR ALL TO PUBLIC USING ((EXISTS ( SELECT
   FROM acci.events e
  WHERE (e."position" = dead_letters."position"))));
ALTER TABLE acci.dead_letters ENABLE ROW LEVEL SECURITY;
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.dead_letters TO acci_project;
GRANT SELECT ON TABLE acci.dead_letters TO acci_read;

-- acci.deliveries

CREATE TABLE acci.deliveries (
    "position" bigint NOT NULL,
    rewind integer NOT NULL,
    ordinal integer NOT NULL,
    tries integer NOT NULL,
    ended_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    reaction text NOT NULL,
    ended text NOT NULL,
    reason text,
    CONSTRAINT deliveries_ended_check CHECK ((ended = ANY (ARRAY['delivered'::text, 'refused'::text, 'discarded'::text, 'erased'::text]))),
    CONSTRAINT deliveries_pkey PRIMARY KEY (reaction, rewind, "position", ordinal)
);
GRANT INSERT, SELECT ON TABLE acci.deliveries TO acci_project;
GRANT UPDATE (reason) ON acci.deliveries TO acci_administer;

-- acci.discarded_events

CREATE TABLE acci.discarded_events (
    projection text NOT NULL,
    "position" bigint NOT NULL,
    reason text NOT NULL,
    discarded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    dead_letter bigint,
    discarded_by text,
    event_digest bytea,
    CONSTRAINT discarded_events_pkey PRIMARY KEY (projection, "position")
);
CREATE POLICY of_every_tenant ON acci.discarded_events AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.discarded_events AS PERMISSIVE FOR ALL TO PUBLIC USING ((EXISTS ( SELECT
   FROM acci.events e
  WHERE (e."position" = discarded_events."position"))));
ALTER TABLE acci.discarded_events ENABLE ROW LEVEL SECURITY;
GRANT DELETE ON TABLE acci.discarded_events TO acci_administer;
GRANT SELECT ON TABLE acci.discarded_events TO acci_project, acci_read;

-- acci.event_counts

CREATE TABLE acci.event_counts (
    event_type text NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT event_counts_pkey PRIMARY KEY (event_type)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.event_counts TO acci_project;

-- acci.events

CREATE TABLE acci.events (
    "position" bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    "timestamp" timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL DEFAULT GREATEST(statement_timestamp(), (clock_timestamp() - '00:00:01'::interval)),
    id uuid NOT NULL,
    version integer NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    tenant_id text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    event_type text NOT NULL,
    data jsonb NOT NULL,
    metadata jsonb NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY ("position"),
    CONSTRAINT events_stream_version_key UNIQUE (tenant_id, aggregate_type, aggregate_id, version),
    CONSTRAINT events_timestamp_check CHECK ((("timestamp" >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '10000-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT events_version_check CHECK ((version > 0))
);
-- table acci.events: The event log. Append-only: UPDATE, DELETE and TRUNCATE are refused.
CREATE INDEX events_by_correlation ON acci.events USING brin (((metadata ->> 'correlation_id'::text)) text_bloom_ops (n_distinct_per_range='2000')) WITH (pages_per_range='64', autosummarize='on');
CREATE INDEX events_by_id ON acci.events USING brin (id uuid_bloom_ops (n_distinct_per_range='1600', false_positive_rate='0.001')) WITH (pages_per_range='64', autosummarize='on');
CREATE INDEX events_by_type ON acci.events USING brin (event_type text_bloom_ops (n_distinct_per_range='32')) WITH (pages_per_range='4');
CREATE TRIGGER events_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON acci.events FOR EACH STATEMENT EXECUTE FUNCTION acci.refuse_change();
ALTER TABLE acci.events ENABLE ALWAYS TRIGGER events_are_append_only;
CREATE POLICY above_read_models ON acci.events AS RESTRICTIVE FOR INSERT TO acci_administer, acci_append WITH CHECK ((("position" > COALESCE(pg_sequence_last_value('acci.passed_positions'::regclass), (0)::bigint)) OR acci.require_above("position")));
CREATE POLICY of_every_tenant ON acci.events AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.events AS PERMISSIVE FOR ALL TO PUBLIC USING ((tenant_id = current_setting('acci.tenant'::text, true)));
CREATE POLICY storable ON acci.events AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (((schema_version > 0) AND (version < 2147483647) AND (tenant_id <> ''::text) AND (aggregate_type <> ''::text) AND (aggregate_id <> ''::text) AND (event_type <> ''::text) AND (octet_length(tenant_id) <= 500) AND (octet_length(aggregate_type) <= 500) AND (octet_length(aggregate_id) <= 500) AND (octet_length(event_type) <= 500) AND (jsonb_typeof(data) = 'object'::text) AND (pg_column_size(data) <= 33554432) AND (jsonb_typeof(metadata) = 'object'::text) AND (pg_column_size(metadata) <= 65536)));
ALTER TABLE acci.events ENABLE ROW LEVEL SECURITY;
GRANT INSERT ("timestamp", aggregate_id, aggregate_type, data, event_type, id, metadata, schema_version, tenant_id, version) ON acci.events TO acci_administer, acci_append;
GRANT SELECT ON TABLE acci.events TO acci_administer, acci_append, acci_project, acci_read;

-- acci.findings

CREATE TABLE acci.findings (
    finding bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    check_name text NOT NULL,
    projection text,
    place jsonb NOT NULL,
    severity text NOT NULL,
    problem text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}'::jsonb,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    CONSTRAINT findings_pkey PRIMARY KEY (finding),
    CONSTRAINT findings_severity_check CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'error'::text])))
);
CREATE UNIQUE INDEX findings_open_key ON acci.findings USING btree (check_name, COALESCE(projection, ''::text), md5((place)::text)) WHERE (resolved_at IS NULL);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.findings TO acci_project;

-- acci.generations

CREATE TABLE acci.generations (
    generation bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    projection text NOT NULL,
    state text NOT NULL DEFAULT 'building'::text,
    fingerprint text NOT NULL,
    definition jsonb NOT NULL,
    indexes jsonb NOT NULL DEFAULT '[]'::jsonb,
    shape jsonb NOT NULL DEFAULT '{}'::jsonb,
    checkpoint bigint NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    published_at timestamp with time zone,
    advanced_at timestamp with time zone,
    skipped bigint[] NOT NULL DEFAULT '{}'::bigint[],
    kept_at bigint,
    CONSTRAINT generations_checkpoint_check CHECK ((checkpoint >= 0)),
    CONSTRAINT generations_pkey PRIMARY KEY (generation),
    CONSTRAINT generations_state_check CHECK ((state = ANY (ARRAY['building'::text, 'rejected'::text, 'live'::text, 'kept'::text, 'dropped'::text])))
);
-- column checkpoint of table acci.generations: Every event up to this position has been applied.
-- column kept_at of table acci.generations: How far a kept generation has come: another checkpoint was moved by hand.
CREATE UNIQUE INDEX generations_building_key ON acci.generations USING btree (projection) WHERE (state = 'building'::text);
CREATE UNIQUE INDEX generations_live_key ON acci.generations USING btree (projection) WHERE (state = 'live'::text);
CREATE TRIGGER generations_note_kept BEFORE UPDATE OF state ON acci.generations FOR EACH ROW WHEN ((new.state IS DISTINCT FROM old.state)) EXECUTE FUNCTION acci.note_kept();
CREATE TRIGGER generations_note_rules BEFORE INSERT OR UPDATE OF fingerprint ON acci.generations FOR EACH ROW EXECUTE FUNCTION acci.note_rules();
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.generations TO acci_project;
GRANT SELECT ON TABLE acci.generations TO acci_administer, acci_append, acci_read;

-- acci.high_water

CREATE TABLE acci.high_water (
    only_row boolean NOT NULL DEFAULT true,
    "position" bigint NOT NULL,
    established_at timestamp with time zone NOT NULL,
    CONSTRAINT high_water_only_row_check CHECK (only_row),
    CONSTRAINT high_water_pkey PRIMARY KEY (only_row)
);
GRANT SELECT ON TABLE acci.high_water TO acci_administer, acci_append, acci_read;
GRANT SELECT, UPDATE ON TABLE acci.high_water TO acci_project;

-- acci.identity

CREATE TABLE acci.identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    single boolean NOT NULL DEFAULT true,
    CONSTRAINT identity_pkey PRIMARY KEY (single),
    CONSTRAINT identity_single_check CHECK (single)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.identity TO acci_project;
GRANT SELECT ON TABLE acci.identity TO acci_administer;

-- acci.imports

CREATE TABLE acci.imports (
    content bytea NOT NULL,
    mapping bytea NOT NULL,
    file text NOT NULL,
    lines bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    known bigint NOT NULL DEFAULT 0,
    bad_lines bigint NOT NULL DEFAULT 0,
    rejected jsonb NOT NULL DEFAULT '[]'::jsonb,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamp with time zone,
    CONSTRAINT imports_pkey PRIMARY KEY (content)
);
GRANT INSERT, SELECT, UPDATE ON TABLE acci.imports TO acci_administer;
GRANT SELECT ON TABLE acci.imports TO acci_project;

-- acci.lag_samples

CREATE TABLE acci.lag_samples (
    sampled_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    projection text NOT NULL,
    events bigint NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT lag_samples_pkey PRIMARY KEY (projection, sampled_at)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.lag_samples TO acci_project;

-- acci.outbox

CREATE TABLE acci.outbox (
    "position" bigint NOT NULL,
    rewind integer NOT NULL,
    ordinal integer NOT NULL,
    reaction text NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    topic text NOT NULL,
    correlation_id text NOT NULL,
    event_id uuid NOT NULL,
    subject text,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    content jsonb NOT NULL,
    CONSTRAINT outbox_kind_check CHECK ((kind = ANY (ARRAY['command'::text, 'message'::text, 'flow'::text]))),
    CONSTRAINT outbox_pkey PRIMARY KEY (reaction, rewind, "position", ordinal)
);
CREATE INDEX outbox_by_key ON acci.outbox USING btree (reaction, tenant_id, key, rewind, "position", ordinal);
GRANT DELETE, INSERT, SELECT ON TABLE acci.outbox TO acci_project;

-- acci.outbox_heads

CREATE TABLE acci.outbox_heads (
    due timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    lease uuid,
    tries integer NOT NULL DEFAULT 0,
    reaction text NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    error text,
    last_tried timestamp with time zone,
    CONSTRAINT outbox_heads_pkey PRIMARY KEY (reaction, tenant_id, key)
);
CREATE INDEX outbox_heads_by_due ON acci.outbox_heads USING btree (reaction, due);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.outbox_heads TO acci_project;

-- acci.outcomes

CREATE TABLE acci.outcomes (
    "position" bigint NOT NULL,
    rewind integer NOT NULL,
    effects integer NOT NULL,
    reaction text NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    ended text NOT NULL DEFAULT 'decided'::text,
    digest bytea NOT NULL,
    reason text,
    CONSTRAINT outcomes_effects_check CHECK ((effects >= 0)),
    CONSTRAINT outcomes_ended_check CHECK ((ended = ANY (ARRAY['decided'::text, 'discarded'::text]))),
    CONSTRAINT outcomes_pkey PRIMARY KEY (reaction, rewind, "position")
);
CREATE INDEX outcomes_by_key ON acci.outcomes USING btree (reaction, tenant_id, key, "position");
GRANT INSERT, SELECT ON TABLE acci.outcomes TO acci_project;
GRANT UPDATE (digest) ON acci.outcomes TO acci_administer;

-- acci.parked_keys

CREATE TABLE acci.parked_keys (
    generation bigint NOT NULL,
    key text[] NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT parked_keys_generation_fkey FOREIGN KEY (generation) REFERENCES acci.generations(generation),
    CONSTRAINT parked_keys_pkey PRIMARY KEY (generation, key)
);
CREATE POLICY of_every_tenant ON acci.parked_keys AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.parked_keys AS PERMISSIVE FOR ALL TO PUBLIC USING ((EXISTS ( SELECT
   FROM acci.events e
  WHERE (e."position" = parked_keys."position"))));
ALTER TABLE acci.parked_keys ENABLE ROW LEVEL SECURITY;
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.parked_keys TO acci_project;
GRANT SELECT ON TABLE acci.parked_keys TO acci_read;

-- acci.partitions

CREATE TABLE acci.partitions (
    generation bigint NOT NULL,
    partition integer NOT NULL,
    partitions integer NOT NULL,
    checkpoint bigint NOT NULL DEFAULT 0,
    target bigint NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    CONSTRAINT partitions_check CHECK ((partitions > partition)),
    CONSTRAINT partitions_generation_fkey FOREIGN KEY (generation) REFERENCES acci.generations(generation),
    CONSTRAINT partitions_partition_check CHECK ((partition >= 0)),
    CONSTRAINT partitions_pkey PRIMARY KEY (generation, partition)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.partitions TO acci_project;

-- acci.processes

CREATE TABLE acci.processes (
    "position" bigint NOT NULL,
    reaction text NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    state_schema text NOT NULL,
    subject text,
    state jsonb NOT NULL,
    CONSTRAINT processes_pkey PRIMARY KEY (reaction, tenant_id, key),
    CONSTRAINT processes_reaction_fkey FOREIGN KEY (reaction) REFERENCES acci.reactions(reaction)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.processes TO acci_project;

-- acci.reaction_code

CREATE TABLE acci.reaction_code (
    after bigint NOT NULL,
    rewind integer NOT NULL,
    reaction text NOT NULL,
    fingerprint text NOT NULL,
    stream_type text NOT NULL,
    event_types text[] NOT NULL,
    began_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reaction_code_after_check CHECK ((after >= 0)),
    CONSTRAINT reaction_code_pkey PRIMARY KEY (reaction, rewind, after),
    CONSTRAINT reaction_code_reaction_fkey FOREIGN KEY (reaction) REFERENCES acci.reactions(reaction),
    CONSTRAINT reaction_code_rewind_check CHECK ((rewind >= 0))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.reaction_code TO acci_project;

-- acci.reactions

CREATE TABLE acci.reactions (
    reaction text NOT NULL,
    checkpoint bigint NOT NULL,
    begins bigint NOT NULL,
    rewind integer NOT NULL DEFAULT 0,
    fingerprint text NOT NULL,
    server text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    advanced_at timestamp with time zone,
    paused_at timestamp with time zone,
    paused_by text,
    reason text,
    CONSTRAINT reactions_begins_check CHECK ((begins >= 0)),
    CONSTRAINT reactions_checkpoint_check CHECK ((checkpoint >= 0)),
    CONSTRAINT reactions_pkey PRIMARY KEY (reaction),
    CONSTRAINT reactions_rewind_check CHECK ((rewind >= 0))
);
-- column checkpoint of table acci.reactions: Every event up to this position has been decided, or waits behind one that could not be.
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.reactions TO acci_project;

-- acci.rewinds

CREATE TABLE acci.rewinds (
    reaction text NOT NULL,
    rewind integer NOT NULL,
    "position" bigint NOT NULL,
    reason text NOT NULL,
    made_by text NOT NULL DEFAULT SESSION_USER,
    made_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT rewinds_pkey PRIMARY KEY (reaction, rewind),
    CONSTRAINT rewinds_position_check CHECK (("position" >= 0)),
    CONSTRAINT rewinds_reaction_fkey FOREIGN KEY (reaction) REFERENCES acci.reactions(reaction),
    CONSTRAINT rewinds_rewind_check CHECK ((rewind > 0))
);
GRANT INSERT, SELECT ON TABLE acci.rewinds TO acci_project;

-- acci.rules

CREATE TABLE acci.rules (
    projection text NOT NULL,
    fingerprint text NOT NULL,
    number bigint NOT NULL,
    first_seen timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT rules_pkey PRIMARY KEY (projection, fingerprint)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.rules TO acci_project;
GRANT SELECT ON TABLE acci.rules TO acci_administer, acci_append, acci_read;

-- acci.seals

CREATE TABLE acci.seals (
    seal bigint NOT NULL,
    after bigint NOT NULL,
    upto bigint NOT NULL,
    events bigint NOT NULL,
    sealed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    digest bytea NOT NULL,
    chain bytea NOT NULL,
    positions bigint[] NOT NULL,
    marks bigint[] NOT NULL,
    CONSTRAINT seals_after_check CHECK ((after >= 0)),
    CONSTRAINT seals_check CHECK ((upto > after)),
    CONSTRAINT seals_pkey PRIMARY KEY (seal),
    CONSTRAINT seals_seal_check CHECK ((seal > 0))
);
CREATE TRIGGER seals_are_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON acci.seals FOR EACH STATEMENT EXECUTE FUNCTION acci.refuse_change_of_seals();
ALTER TABLE acci.seals ENABLE ALWAYS TRIGGER seals_are_kept;
GRANT INSERT ON TABLE acci.seals TO acci_administer;
GRANT SELECT ON TABLE acci.seals TO acci_project;

-- acci.snapshot_sizes

CREATE TABLE acci.snapshot_sizes (
    only_row boolean NOT NULL DEFAULT true,
    measured_at timestamp with time zone NOT NULL,
    sizes jsonb NOT NULL,
    CONSTRAINT snapshot_sizes_only_row_check CHECK (only_row),
    CONSTRAINT snapshot_sizes_pkey PRIMARY KEY (only_row)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.snapshot_sizes TO acci_project;

-- acci.snapshots

CREATE TABLE acci.snapshots (
    taken_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    version integer NOT NULL,
    tenant_id text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    state_schema text NOT NULL,
    state jsonb NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (tenant_id, aggregate_type, aggregate_id, version),
    CONSTRAINT snapshots_version_check CHECK ((version > 0))
);
CREATE POLICY of_every_tenant ON acci.snapshots AS PERMISSIVE FOR ALL TO acci_administer, acci_project USING (true);
CREATE POLICY of_the_tenant ON acci.snapshots AS PERMISSIVE FOR ALL TO PUBLIC USING ((tenant_id = current_setting('acci.tenant'::text, true)));
CREATE POLICY storable ON acci.snapshots AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (((taken_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (taken_at < '10000-01-01 00:00:00+00'::timestamp with time zone) AND (octet_length(tenant_id) <= 500) AND (octet_length(aggregate_type) <= 500) AND (octet_length(aggregate_id) <= 500) AND (jsonb_typeof(state) = 'object'::text)));
CREATE POLICY storable_again ON acci.snapshots AS RESTRICTIVE FOR UPDATE TO acci_append USING (true) WITH CHECK (((taken_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (taken_at < '10000-01-01 00:00:00+00'::timestamp with time zone) AND (octet_length(tenant_id) <= 500) AND (octet_length(aggregate_type) <= 500) AND (octet_length(aggregate_id) <= 500) AND (jsonb_typeof(state) = 'object'::text)));
ALTER TABLE acci.snapshots ENABLE ROW LEVEL SECURITY;
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.snapshots TO acci_project;
GRANT INSERT, SELECT ON TABLE acci.snapshots TO acci_append;
GRANT SELECT ON TABLE acci.snapshots TO acci_read;
GRANT UPDATE (state, state_schema, taken_at) ON acci.snapshots TO acci_append;

-- acci.timers

CREATE TABLE acci.timers (
    due timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    rewind integer NOT NULL,
    ordinal integer NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    event_id uuid NOT NULL,
    caused_by uuid NOT NULL,
    reaction text NOT NULL,
    stream_type text NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    topic text NOT NULL,
    correlation_id text NOT NULL,
    subject text,
    content jsonb NOT NULL,
    CONSTRAINT timers_kind_check CHECK ((kind = ANY (ARRAY['event'::text, 'command'::text, 'message'::text, 'flow'::text]))),
    CONSTRAINT timers_pkey PRIMARY KEY (reaction, tenant_id, key, name),
    CONSTRAINT timers_reaction_fkey FOREIGN KEY (reaction) REFERENCES acci.reactions(reaction)
);
CREATE INDEX timers_by_due ON acci.timers USING btree (reaction, due);
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.timers TO acci_project;

-- acci.undecided

CREATE TABLE acci.undecided (
    "position" bigint NOT NULL,
    rewind integer NOT NULL,
    reaction text NOT NULL,
    tenant_id text NOT NULL,
    key text,
    event_type text NOT NULL,
    error text,
    tries integer NOT NULL DEFAULT 0,
    first_seen timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    last_tried timestamp with time zone,
    CONSTRAINT undecided_pkey PRIMARY KEY (reaction, rewind, "position"),
    CONSTRAINT undecided_reaction_fkey FOREIGN KEY (reaction) REFERENCES acci.reactions(reaction)
);
CREATE INDEX undecided_by_key ON acci.undecided USING btree (reaction, tenant_id, key, "position");
GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE acci.undecided TO acci_project;

-- acci_migrations.applied

CREATE TABLE acci_migrations.applied (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT applied_pkey PRIMARY KEY (name)
);
GRANT SELECT ON TABLE acci_migrations.applied TO acci_administer, acci_append, acci_project, acci_read;

-- Sequences

ALTER SEQUENCE acci.audits_audit_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.backfills_backfill_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.dead_letters_dead_letter_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.events_position_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.findings_finding_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.generations_generation_seq AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
ALTER SEQUENCE acci.passed_positions AS bigint INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 START 1 CACHE 1 NO CYCLE;
GRANT SELECT ON SEQUENCE acci.events_position_seq TO acci_administer, acci_append, acci_project, acci_read;
GRANT SELECT, UPDATE ON SEQUENCE acci.passed_positions TO acci_administer, acci_project;
GRANT SELECT ON SEQUENCE acci.passed_positions TO acci_append, acci_read;

-- acci.first

CREATE OR REPLACE AGGREGATE acci.first(anyelement) (SFUNC = any_value_transfn, STYPE = anyelement);
GRANT EXECUTE ON ROUTINE acci.first(anyelement) TO PUBLIC;

-- acci.analyze_findings

CREATE OR REPLACE FUNCTION acci.analyze_findings()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    ANALYZE acci.findings;
END
$function$;
GRANT EXECUTE ON FUNCTION acci.analyze_findings() TO acci_administer;

-- acci.appending

CREATE OR REPLACE FUNCTION acci.appending()
 RETURNS text[]
 LANGUAGE sql
RETURN ARRAY(SELECT DISTINCT pg_locks.virtualtransaction FROM pg_locks WHERE ((pg_locks.locktype = 'relation'::text) AND pg_locks.granted AND (pg_locks.mode = 'RowExclusiveLock'::text) AND (pg_locks.relation = ('acci.events'::regclass)::oid) AND (pg_locks.database = (SELECT pg_database.oid FROM pg_database WHERE (pg_database.datname = current_database())))));
GRANT EXECUTE ON FUNCTION acci.appending() TO PUBLIC;

-- acci.batch_bounds

CREATE OR REPLACE FUNCTION acci.batch_bounds()
 RETURNS double precision[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN '{0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,30,60}'::double precision[];
GRANT EXECUTE ON FUNCTION acci.batch_bounds() TO PUBLIC;

-- acci.check_version

CREATE OR REPLACE FUNCTION acci.check_version(tenant_id text, aggregate_type text, aggregate_id text, version integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.check_version(tenant_id text, aggregate_type text, aggregate_id text, version integer) TO PUBLIC;

-- acci.discard

CREATE OR REPLACE FUNCTION acci.discard(letter bigint, why text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 INSERT INTO acci.discarded_events AS known (projection, "position", reason, dead_letter, discarded_by, event_digest)  SELECT g.projection,
             d."position",
             discard.why AS why,
             d.dead_letter,
             SESSION_USER AS "session_user",
             acci.event_digest(e.*) AS event_digest
            FROM ((acci.dead_letters d
              JOIN acci.generations g ON ((g.generation = d.generation)))
              JOIN acci.events e ON ((e."position" = d."position")))
           WHERE (d.dead_letter = discard.letter) ON CONFLICT(projection, "position") DO UPDATE SET reason = excluded.reason, dead_letter = excluded.dead_letter, discarded_by = excluded.discarded_by, event_digest = excluded.event_digest, discarded_at = clock_timestamp()
   WHERE (known.event_digest IS DISTINCT FROM excluded.event_digest);
END;
GRANT EXECUTE ON FUNCTION acci.discard(letter bigint, why text) TO acci_administer;

-- acci.event_digest

CREATE OR REPLACE FUNCTION acci.event_digest(event acci.events)
 RETURNS bytea
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN sha256(convert_to((ROW((event)."position", trunc((EXTRACT(epoch FROM (event)."timestamp") * (1000000)::numeric)), trunc((EXTRACT(epoch FROM (event).recorded_at) * (1000000)::numeric)), (event).id, (event).version, (event).schema_version, (event).tenant_id, (event).aggregate_type, (event).aggregate_id, (event).event_type, (event).data, (event).metadata))::text, 'UTF8'::name));
GRANT EXECUTE ON FUNCTION acci.event_digest(event acci.events) TO PUBLIC;

-- acci.event_mark

CREATE OR REPLACE FUNCTION acci.event_mark(digest bytea)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((('x'::text || encode(substr(digest, 1, 8), 'hex'::text)))::bit(64))::bigint;
GRANT EXECUTE ON FUNCTION acci.event_mark(digest bytea) TO PUBLIC;

-- acci.events_of_ids

CREATE OR REPLACE FUNCTION acci.events_of_ids(ids uuid[])
 RETURNS SETOF acci.events
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT events."position",
     events."timestamp",
     events.recorded_at,
     events.id,
     events.version,
     events.schema_version,
     events.tenant_id,
     events.aggregate_type,
     events.aggregate_id,
     events.event_type,
     events.data,
     events.metadata
    FROM acci.events
   WHERE (events.id = ANY (events_of_ids.ids));
END;
GRANT EXECUTE ON FUNCTION acci.events_of_ids(ids uuid[]) TO PUBLIC;

-- acci.guard

CREATE OR REPLACE FUNCTION acci.guard(read_model regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', read_model);
    EXECUTE format(
        'CREATE POLICY of_the_tenant ON %s USING (tenant_id::text = current_setting(''acci.tenant'', true))', read_model
    );
    EXECUTE format('CREATE POLICY of_every_tenant ON %s TO acci_project, acci_administer USING (true)', read_model);
END
$function$;
GRANT EXECUTE ON FUNCTION acci.guard(read_model regclass) TO acci_project;

-- acci.high_water_candidate

CREATE OR REPLACE FUNCTION acci.high_water_candidate(OUT candidate bigint, OUT holders text[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.high_water_candidate(OUT candidate bigint, OUT holders text[]) TO PUBLIC;

-- acci.is_live

CREATE OR REPLACE FUNCTION acci.is_live(state text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
AS $function$
BEGIN
    IF state IS DISTINCT FROM 'live' THEN
        RAISE EXCEPTION 'the read model was swapped after this transaction began'
            USING ERRCODE = 'serialization_failure', HINT = 'Begin the transaction again.';
    END IF;
    RETURN true;
END
$function$;
GRANT EXECUTE ON FUNCTION acci.is_live(state text) TO PUBLIC;

-- acci.is_turn_taken

CREATE OR REPLACE FUNCTION acci.is_turn_taken(tenant_id text, aggregate_type text, aggregate_id text)
 RETURNS boolean
 LANGUAGE sql
RETURN (NOT pg_try_advisory_xact_lock_shared(hashtextextended((jsonb_build_array(tenant_id, aggregate_type, aggregate_id))::text, (4)::bigint)));
GRANT EXECUTE ON FUNCTION acci.is_turn_taken(tenant_id text, aggregate_type text, aggregate_id text) TO PUBLIC;

-- acci.lock_streams

CREATE OR REPLACE FUNCTION acci.lock_streams(tenant_ids text[], aggregate_types text[], aggregate_ids text[], written boolean[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.lock_streams(tenant_ids text[], aggregate_types text[], aggregate_ids text[], written boolean[]) TO PUBLIC;

-- acci.log_end

CREATE OR REPLACE FUNCTION acci.log_end()
 RETURNS bigint
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT COALESCE(max(e."position"), (0)::bigint) AS "coalesce"
    FROM acci.events e;
END;
GRANT EXECUTE ON FUNCTION acci.log_end() TO acci_administer, acci_append, acci_project, acci_read;

-- acci.make_schema

CREATE OR REPLACE FUNCTION acci.make_schema(name text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF name !~ '^(generation|plan)_' THEN
        RAISE EXCEPTION 'a schema % is not made for projecting', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION acci_project', name);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO acci_read', name);
END
$function$;
GRANT EXECUTE ON FUNCTION acci.make_schema(name text) TO acci_project;

-- acci.missing

CREATE OR REPLACE FUNCTION acci.missing(at bigint, field text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
AS $function$
BEGIN
    RAISE EXCEPTION 'the event at position % has no %', at, field USING ERRCODE = 'null_value_not_allowed';
END
$function$;
GRANT EXECUTE ON FUNCTION acci.missing(at bigint, field text) TO PUBLIC;

-- acci.note_kept

CREATE OR REPLACE FUNCTION acci.note_kept()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    NEW.kept_at := CASE WHEN NEW.state = 'kept' THEN NEW.checkpoint END;
    RETURN NEW;
END
$function$;
GRANT EXECUTE ON FUNCTION acci.note_kept() TO PUBLIC;

-- acci.note_rules

CREATE OR REPLACE FUNCTION acci.note_rules()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.note_rules() TO PUBLIC;

-- acci.passed

CREATE OR REPLACE FUNCTION acci.passed()
 RETURNS bigint
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT GREATEST(acci.log_end(), max(g.checkpoint)) AS "greatest"
    FROM acci.generations g
   WHERE (g.state = 'live'::text);
END;
GRANT EXECUTE ON FUNCTION acci.passed() TO PUBLIC;

-- acci.raise_high_water

CREATE OR REPLACE FUNCTION acci.raise_high_water(mark bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.raise_high_water(mark bigint) TO PUBLIC;

-- acci.refuse_change

CREATE OR REPLACE FUNCTION acci.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'events are append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Append an event that corrects the old one instead.';
END
$function$;
GRANT EXECUTE ON FUNCTION acci.refuse_change() TO PUBLIC;

-- acci.refuse_change_of_seals

CREATE OR REPLACE FUNCTION acci.refuse_change_of_seals()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'seals are kept for good: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
GRANT EXECUTE ON FUNCTION acci.refuse_change_of_seals() TO PUBLIC;

-- acci.refuse_position

CREATE OR REPLACE FUNCTION acci.refuse_position(drawn bigint, passed bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'the sequence of positions is at %, and position % is taken or passed', drawn, passed
        USING ERRCODE = 'AC005';
END
$function$;
GRANT EXECUTE ON FUNCTION acci.refuse_position(drawn bigint, passed bigint) TO PUBLIC;

-- acci.refuse_version

CREATE OR REPLACE FUNCTION acci.refuse_version(tenant_id text, aggregate_type text, aggregate_id text, state text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
$function$;
GRANT EXECUTE ON FUNCTION acci.refuse_version(tenant_id text, aggregate_type text, aggregate_id text, state text) TO PUBLIC;

-- acci.require_above

CREATE OR REPLACE FUNCTION acci.require_above(drawn bigint)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
DECLARE
    passed CONSTANT bigint := acci.passed();
BEGIN
    IF drawn <= passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
    RETURN true;
END
$function$;
GRANT EXECUTE ON FUNCTION acci.require_above(drawn bigint) TO PUBLIC;

-- acci.require_sequence

CREATE OR REPLACE FUNCTION acci.require_sequence()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    passed CONSTANT bigint := acci.passed();  -- first: what is stored was drawn
    drawn CONSTANT bigint := coalesce(pg_sequence_last_value('acci.events_position_seq'), 0);
BEGIN
    IF drawn < passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
END
$function$;
GRANT EXECUTE ON FUNCTION acci.require_sequence() TO PUBLIC;

-- acci.seal_chain

CREATE OR REPLACE FUNCTION acci.seal_chain(before bytea, after bigint, upto bigint, events bigint, digest bytea)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN sha256(((((COALESCE(before, '\x'::bytea) || int8send(after)) || int8send(upto)) || int8send(events)) || digest));
GRANT EXECUTE ON FUNCTION acci.seal_chain(before bytea, after bigint, upto bigint, events bigint, digest bytea) TO PUBLIC;

-- acci.server_identity

CREATE OR REPLACE FUNCTION acci.server_identity()
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN concat_ws('/'::text, (SELECT pg_control_system.system_identifier FROM pg_control_system() pg_control_system(pg_control_version, catalog_version_no, system_identifier, pg_control_last_modified)), (SELECT pg_database.oid FROM pg_database WHERE (pg_database.datname = current_database())), ('acci.reactions'::regclass)::oid, CASE WHEN (NOT pg_is_in_recovery()) THEN "left"(pg_walfile_name(pg_current_wal_lsn()), 8) ELSE NULL::text END);
GRANT EXECUTE ON FUNCTION acci.server_identity() TO acci_administer, acci_append, acci_project, acci_read;

-- acci.sessions

CREATE OR REPLACE FUNCTION acci.sessions(OUT pid integer, OUT usename name, OUT application_name text, OUT state text, OUT xact_start timestamp with time zone, OUT wait_event text)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT a.pid,
     a.usename,
     a.application_name,
     a.state,
     a.xact_start,
     a.wait_event
    FROM pg_stat_activity a
   WHERE (a.datname = current_database());
END;
GRANT EXECUTE ON FUNCTION acci.sessions(OUT pid integer, OUT usename name, OUT application_name text, OUT state text, OUT xact_start timestamp with time zone, OUT wait_event text) TO acci_administer, acci_append, acci_project, acci_read;

-- acci.set_sequence_on

CREATE OR REPLACE FUNCTION acci.set_sequence_on()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) < acci.log_end() THEN
        LOCK TABLE acci.events IN SHARE ROW EXCLUSIVE MODE;
        PERFORM setval(
            'acci.events_position_seq',
            greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq'))
        );
    END IF;
END
$function$;

-- acci.unreadable

CREATE OR REPLACE FUNCTION acci.unreadable(at bigint, schema_version integer)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
AS $function$
BEGIN
    RAISE EXCEPTION 'the event at position % has schema version %, which this code does not know', at, schema_version
        USING ERRCODE = 'data_exception';
END
$function$;
GRANT EXECUTE ON FUNCTION acci.unreadable(at bigint, schema_version integer) TO PUBLIC;

-- read.containing

CREATE OR REPLACE FUNCTION read.containing(part text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (('%'::text || replace(replace(replace(part, '\'::text, '\\'::text), '%'::text, '\%'::text), '_'::text, '\_'::text)) || '%'::text);
GRANT EXECUTE ON FUNCTION read.containing(part text) TO PUBLIC;
