CREATE TABLE notes (
    tenant_id text   NOT NULL,
    id        text   NOT NULL,
    person    text   NOT NULL,
    note      text   NOT NULL,
    taken     bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
