-- Read models: their generations, how far each has come, and what readers see.
CREATE SCHEMA read;
COMMENT ON SCHEMA read IS 'The stable names of read models: views over their live generation.';

CREATE TABLE acci.generations (
    generation   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection   text        NOT NULL,
    state        text        NOT NULL DEFAULT 'building'
                 CHECK (state IN ('building', 'live', 'kept', 'dropped')),
    fingerprint  text        NOT NULL,
    definition   jsonb       NOT NULL,  -- the parts behind the fingerprint, to name what changed
    indexes      jsonb       NOT NULL DEFAULT '[]',  -- taken off the table for loading, to be built again
    shape        jsonb       NOT NULL DEFAULT '{}',  -- the table as it was made, to notice what was altered by hand
    checkpoint   bigint      NOT NULL DEFAULT 0 CHECK (checkpoint >= 0),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    advanced_at  timestamptz
) WITH (fillfactor = 50);

COMMENT ON COLUMN acci.generations.checkpoint IS 'Every event up to this position has been applied.';

-- One live generation a projection, and one in the making.
CREATE UNIQUE INDEX generations_live_key ON acci.generations (projection) WHERE state = 'live';
CREATE UNIQUE INDEX generations_building_key ON acci.generations (projection) WHERE state = 'building';

-- A generation is built in partitions of its keys; a rerun goes on with those that are behind.
CREATE TABLE acci.partitions (
    generation bigint  NOT NULL REFERENCES acci.generations,
    partition  integer NOT NULL CHECK (partition >= 0),
    partitions integer NOT NULL CHECK (partitions > partition),
    checkpoint bigint  NOT NULL DEFAULT 0,
    target     bigint  NOT NULL,
    PRIMARY KEY (generation, partition)
);

-- Events that a projection could not apply, and the keys that wait behind them.
CREATE TABLE acci.dead_letters (
    dead_letter bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation  bigint      NOT NULL REFERENCES acci.generations,
    position    bigint      NOT NULL,
    event_type  text        NOT NULL,
    keys        jsonb       NOT NULL,  -- the key of each row it would have touched, as lists of text; none if unknown
    error       text        NOT NULL,
    payload     jsonb       NOT NULL,
    tries       integer     NOT NULL DEFAULT 1,
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_tried  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dead_letters_event_key UNIQUE (generation, position)
);

-- Parked: the key's events wait, in order, until it is derived anew.
CREATE TABLE acci.parked_keys (
    generation bigint NOT NULL REFERENCES acci.generations,
    key        text[] NOT NULL,
    position   bigint NOT NULL,  -- of the event that parked it
    PRIMARY KEY (generation, key)
);

-- Discarded by a person: never applied by this projection, whatever is rebuilt.
CREATE TABLE acci.discarded_events (
    projection   text        NOT NULL,
    position     bigint      NOT NULL,
    reason       text        NOT NULL,
    discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, position)
);

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

-- Every read model's view asks this of its generation's state. A transaction that reads as of a moment before the swap
-- would find the new table empty or half filled, since it was filled later; it is refused instead. A statement as of
-- its own moment (READ COMMITTED, the default) always finds what is live.
CREATE FUNCTION acci.is_live(state text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF state IS DISTINCT FROM 'live' THEN
        RAISE EXCEPTION 'the read model was swapped after this transaction began'
            USING ERRCODE = 'serialization_failure', HINT = 'Begin the transaction again.';
    END IF;
    RETURN true;
END
$$;
