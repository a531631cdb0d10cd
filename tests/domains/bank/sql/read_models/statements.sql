CREATE TABLE statements (
    tenant_id text  NOT NULL,
    id        text  NOT NULL,
    movements jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
