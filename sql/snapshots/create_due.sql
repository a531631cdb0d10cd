CREATE TEMPORARY TABLE due_snapshots (
    number           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        text    NOT NULL,
    aggregate_type   text    NOT NULL,
    aggregate_id     text    NOT NULL,
    snapshot_version integer NOT NULL,  -- of the newest one that fits; 0 without one
    version          integer NOT NULL   -- the stream's
);
