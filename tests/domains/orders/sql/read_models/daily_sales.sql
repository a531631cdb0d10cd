CREATE TABLE daily_sales (
    tenant_id text    NOT NULL,
    day       date    NOT NULL,
    orders    bigint  NOT NULL DEFAULT 0,
    amount    numeric NOT NULL DEFAULT 0,
    largest   numeric(12,2),
    PRIMARY KEY (tenant_id, day)
);
