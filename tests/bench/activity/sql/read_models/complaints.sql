CREATE TABLE complaints (
    tenant_id text        NOT NULL,
    id        text        NOT NULL,
    about     text        NOT NULL,
    filed_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
