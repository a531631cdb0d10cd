CREATE TABLE notes (
    tenant_id text   NOT NULL,
    id        text   NOT NULL,
    text      text   NOT NULL,
    times     bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
