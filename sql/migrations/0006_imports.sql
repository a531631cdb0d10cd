-- The files that were imported, by their content, and how far an import that goes in parts has come.
CREATE TABLE acci.imports (
    content     bytea       PRIMARY KEY,  -- SHA-256 of the file
    mapping     bytea       NOT NULL,     -- SHA-256 of what the mapping says
    file        text        NOT NULL,
    lines       bigint      NOT NULL DEFAULT 0,  -- read so far, all their events stored
    bytes       bigint      NOT NULL DEFAULT 0,
    events      bigint      NOT NULL DEFAULT 0,
    bad_lines   bigint      NOT NULL DEFAULT 0,  -- left out
    rejected    jsonb       NOT NULL DEFAULT '[]',  -- the first of them: [line, reason]
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
