-- Findings: what audits found wrong, since when, and when it was gone.
CREATE TABLE acci.findings (
    finding     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_name  text        NOT NULL,
    projection  text,                  -- NULL: the log, not a read model
    place       jsonb       NOT NULL,  -- what the finding is about: a key, a stream, a position; name to text
    severity    text        NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    problem     text        NOT NULL,  -- a sentence
    details     jsonb       NOT NULL DEFAULT '{}',
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    resolved_at timestamptz            -- seen to be gone; if it comes again, that is a new finding
);

-- One open finding a place. By a hash, since a place may be longer than an index row.
CREATE UNIQUE INDEX findings_open_key ON acci.findings (check_name, coalesce(projection, ''), md5(place::text))
    WHERE resolved_at IS NULL;
