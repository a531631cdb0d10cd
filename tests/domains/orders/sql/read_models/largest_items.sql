CREATE TABLE largest_items (
    tenant_id text  NOT NULL,
    id        text  NOT NULL,
    customer  text  NOT NULL,
    largest   jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
