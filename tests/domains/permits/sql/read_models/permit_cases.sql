-- Every case as it stands.
CREATE TABLE permit_cases (
    tenant_id     text        NOT NULL,
    id            text        NOT NULL,
    channel       text        NOT NULL,
    department    text        NOT NULL,
    team          text,
    responsible   text        NOT NULL,
    deadline      timestamptz NOT NULL,
    status        text        NOT NULL CHECK (status IN ('received', 'confirmed', 'decided')),
    steps         bigint      NOT NULL,
    first_step    text        NOT NULL,
    first_step_at timestamptz NOT NULL,
    last_step     text        NOT NULL,
    last_step_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 70);
