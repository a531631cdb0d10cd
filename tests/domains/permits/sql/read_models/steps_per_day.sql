-- How many steps each group completed on each day of its own calendar.
CREATE TABLE steps_per_day (
    tenant_id  text        NOT NULL,
    day        date        NOT NULL,
    handled_by text        NOT NULL,
    steps      bigint      NOT NULL,
    received   bigint      NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day, handled_by)
);
