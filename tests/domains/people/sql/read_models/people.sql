CREATE TABLE people (
    tenant_id text   NOT NULL,
    id        text   NOT NULL,
    name      text   NOT NULL,
    shown     text   NOT NULL,
    email     text,
    names     bigint NOT NULL,
    CONSTRAINT people_have_names CHECK (name NOT LIKE 'unnameable%'),
    PRIMARY KEY (tenant_id, id)
);
