CREATE TABLE accounts (
    tenant_id text          NOT NULL,
    id        text          NOT NULL,
    owner     text          NOT NULL,
    since     timestamptz   NOT NULL,
    balance   numeric(14,2) NOT NULL,
    movements bigint        NOT NULL,
    note      text,
    touched   timestamptz   NOT NULL DEFAULT now(),  -- no event says when: audits leave it out
    PRIMARY KEY (tenant_id, id)
);
