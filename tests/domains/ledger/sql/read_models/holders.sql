CREATE TABLE holders (
    tenant_id text NOT NULL,
    id        text NOT NULL,
    given     text NOT NULL,
    family    text NOT NULL,
    country   text NOT NULL,
    currency  text NOT NULL,
    note      text,
    last_paid numeric,
    PRIMARY KEY (tenant_id, id)
);
