CREATE TABLE turnover (
    tenant_id text          NOT NULL,
    day       date          NOT NULL,
    deposits  bigint        NOT NULL DEFAULT 0,
    amount    numeric(14,2) NOT NULL DEFAULT 0,
    largest   numeric(14,2),
    PRIMARY KEY (tenant_id, day)
);
