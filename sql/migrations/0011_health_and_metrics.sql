-- What health and metrics tell: figures that are kept as they arise, so that to ask for them reads no history.

-- The audits that were made, newest last: when, how much they looked at, and what they came to.
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
    infos    integer          NOT NULL
);

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

-- Events by type, counted up to a position; whoever asks counts on from there.
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
