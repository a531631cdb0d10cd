CREATE TABLE people (
    tenant_id text   NOT NULL,
    id        text   NOT NULL,
    name      text   NOT NULL,
    shown     text   NOT NULL,
    email     text,
    names     bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
