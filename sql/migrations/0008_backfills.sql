-- Rebuilding with a gate, and re-deriving a part of a live read model.

-- Rejected: stopped at the gate; kept to be looked at until the next rebuild.
ALTER TABLE acci.generations DROP CONSTRAINT generations_state_check;
ALTER TABLE acci.generations ADD CONSTRAINT generations_state_check
    CHECK (state IN ('building', 'rejected', 'live', 'kept', 'dropped'));

-- What filling took, for estimates.
ALTER TABLE acci.partitions ADD COLUMN rows bigint NOT NULL DEFAULT 0;
ALTER TABLE acci.partitions ADD COLUMN seconds double precision NOT NULL DEFAULT 0;

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

-- A part of a live read model that is derived anew, chunk by chunk, so that a rerun goes on with what is missing.
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
