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

-- Called in place of a required value that an event's payload lacks: the event cannot be applied.
CREATE FUNCTION acci.missing(at bigint, field text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION 'the event at position % has no %', at, field USING ERRCODE = 'null_value_not_allowed';
END
$$;
