CREATE TABLE activity_by_day (
    tenant_id text        NOT NULL,
    day       date        NOT NULL,
    events    bigint      NOT NULL DEFAULT 0,
    created   bigint      NOT NULL DEFAULT 0,
    deleted   bigint      NOT NULL DEFAULT 0,
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 50);
