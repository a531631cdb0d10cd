-- The event log: every fact once, in order, for ever.
CREATE SCHEMA acci;

-- Fixed-width columns first: no padding, 8 bytes a row less.
CREATE TABLE acci.events (
    position       bigint      GENERATED ALWAYS AS IDENTITY,
    "timestamp"    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    CONSTRAINT events_version_check CHECK (version > 0)
);

-- Events of one correlation lie close together, so a filter per 64 pages finds them: a thirtieth of the size of a B-tree,
-- and an insert does not feel it.
CREATE INDEX events_by_correlation ON acci.events
    USING brin ((metadata ->> 'correlation_id') text_bloom_ops (n_distinct_per_range = 2000))
    WITH (pages_per_range = 64, autosummarize = on);

COMMENT ON TABLE acci.events IS 'The event log. Append-only: UPDATE, DELETE and TRUNCATE are refused.';

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

-- The highest position at and below which nothing can still appear, as last established (one row).
CREATE TABLE acci.high_water (
    only_row       boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    position       bigint      NOT NULL,
    established_at timestamptz NOT NULL
);
INSERT INTO acci.high_water (position, established_at) VALUES (0, clock_timestamp());

-- A candidate for the mark and who may still be writing below it. The order is the proof: an inserter takes its lock
-- on the table before it draws a position, so whoever drew one up to the candidate is seen here or has ended.
CREATE FUNCTION acci.high_water_candidate(OUT candidate bigint, OUT holders text[]) LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO candidate FROM acci.events_position_seq;
    holders := acci.appending();
END
$$;

-- The transactions that hold an inserter's lock on the events table now, prepared ones too.
CREATE FUNCTION acci.appending() RETURNS text[] LANGUAGE sql VOLATILE
RETURN ARRAY(
    SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
    WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'
      AND relation = 'acci.events'::regclass
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
);
