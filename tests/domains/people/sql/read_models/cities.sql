CREATE TABLE cities (
    tenant_id text   NOT NULL,
    city      text   NOT NULL,
    people    bigint NOT NULL,
    PRIMARY KEY (tenant_id, city)
);
