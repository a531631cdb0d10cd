-- What a total may come to; a shop raises it at any time.
CREATE FUNCTION credit_limit() RETURNS numeric LANGUAGE sql STABLE RETURN 1000000;

CREATE TABLE order_totals (
    tenant_id text          NOT NULL,
    id        text          NOT NULL,
    customer  text          NOT NULL CHECK (customer <> ''),
    total     numeric(12,2) NOT NULL,
    items     bigint        NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT order_totals_credit CHECK (total <= credit_limit())
);
