-- Snapshots: an aggregate's state, folded up to a version. Never needed, only quicker; any of them may be dropped.
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
