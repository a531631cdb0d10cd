-- Reactions: where each has come to, what it decided, what is to be delivered, its timers and its process managers' states.
-- A session that projects decides and delivers; what becomes an event is stored with the rights of one that appends.

------------------------------------------------------------------------------------------------------------------------
-- Reactions, and what is kept of them for good
------------------------------------------------------------------------------------------------------------------------

CREATE TABLE acci.reactions (
    reaction    text        PRIMARY KEY,
    checkpoint  bigint      NOT NULL CHECK (checkpoint >= 0),
    begins      bigint      NOT NULL CHECK (begins >= 0),  -- events up to here are none of its business
    rewind      integer     NOT NULL DEFAULT 0 CHECK (rewind >= 0),
    fingerprint text        NOT NULL,  -- of the code that decided last
    server      text        NOT NULL,  -- on which it ran last: another one, or another timeline, may be a restored backup
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    advanced_at timestamptz,
    paused_at   timestamptz,           -- NULL: it runs
    paused_by   text,
    reason      text                   -- why it is paused
) WITH (fillfactor = 50);
COMMENT ON COLUMN acci.reactions.checkpoint IS 'Every event up to this position has been decided, or waits behind one that could not be.';

-- Which server this is, and which of its histories: a promoted standby and a restored backup begin a new one; or these
-- tables were made again from a dump.
CREATE FUNCTION acci.server_identity() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN concat_ws('/',
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'acci.reactions'::regclass::oid,
    CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
);
REVOKE EXECUTE ON FUNCTION acci.server_identity() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.server_identity() TO acci_append, acci_project, acci_read, acci_administer;

-- Deliberate rewinds: events after `position` are decided again, under the rewind's number.
CREATE TABLE acci.rewinds (
    reaction text        NOT NULL REFERENCES acci.reactions,
    rewind   integer     NOT NULL CHECK (rewind > 0),
    position bigint      NOT NULL CHECK (position >= 0),
    reason   text        NOT NULL,
    made_by  text        NOT NULL DEFAULT session_user,
    made_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reaction, rewind)
);

-- Which code decided, from which position on, and of which events: a class that handles others from now on is not to blame
-- for what came before. The next row of the same rewind ends it.
CREATE TABLE acci.reaction_code (
    after       bigint      NOT NULL CHECK (after >= 0),
    rewind      integer     NOT NULL CHECK (rewind >= 0),
    reaction    text        NOT NULL REFERENCES acci.reactions,
    fingerprint text        NOT NULL,
    stream_type text        NOT NULL,  -- the aggregate type of its own streams
    event_types text[]      NOT NULL,  -- by every name under which they are stored
    began_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reaction, rewind, after)
);

-- One row for each event that was decided. The first decision stands: a row is inserted once and never changed, but for
-- the digest, which is emptied when a person is erased.
CREATE TABLE acci.outcomes (
    position  bigint  NOT NULL,
    rewind    integer NOT NULL,
    effects   integer NOT NULL CHECK (effects >= 0),  -- how many were put into the outbox
    reaction  text    NOT NULL,
    tenant_id text    NOT NULL,
    key       text    NOT NULL,
    ended     text    NOT NULL DEFAULT 'decided' CHECK (ended IN ('decided', 'discarded')),
    digest    bytea   NOT NULL,  -- of all that was decided; empty: not compared
    reason    text,              -- why it was discarded, and by whom
    PRIMARY KEY (reaction, rewind, position)
);
-- The events of a process manager's key, from which its state is computed again.
CREATE INDEX outcomes_by_key ON acci.outcomes (reaction, tenant_id, key, position);

-- Events that could not be decided (with an error), and those of the same key that wait behind them. Dead letters.
CREATE TABLE acci.undecided (
    position   bigint      NOT NULL,
    rewind     integer     NOT NULL,
    reaction   text        NOT NULL REFERENCES acci.reactions,
    tenant_id  text        NOT NULL,
    key        text,                   -- NULL: its payload, which has the key, cannot be read; nothing waits for it
    event_type text        NOT NULL,
    error      text,                   -- NULL: it waits behind another
    tries      integer     NOT NULL DEFAULT 0,
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_tried timestamptz,
    PRIMARY KEY (reaction, rewind, position)
);
CREATE INDEX undecided_by_key ON acci.undecided (reaction, tenant_id, key, position);

------------------------------------------------------------------------------------------------------------------------
-- The outbox: what is to be delivered, in order per key
------------------------------------------------------------------------------------------------------------------------

-- Rows are inserted by the decision and deleted once they ended, never updated. `content` is encrypted with the person's
-- key if the reaction handles personal data.
CREATE TABLE acci.outbox (
    position       bigint      NOT NULL,
    rewind         integer     NOT NULL,
    ordinal        integer     NOT NULL,  -- place among the effects of its event, from 0
    reaction       text        NOT NULL,
    tenant_id      text        NOT NULL,
    key            text        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('command', 'message', 'flow')),
    topic          text        NOT NULL,  -- the command's name, the message's topic, the deployment
    correlation_id text        NOT NULL,
    event_id       uuid        NOT NULL,  -- the event that it follows from
    subject        text,                  -- whose key `content` is encrypted with; NULL: it is not
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    content        jsonb       NOT NULL,
    PRIMARY KEY (reaction, rewind, position, ordinal)
);
CREATE INDEX outbox_by_key ON acci.outbox (reaction, tenant_id, key, rewind, position, ordinal);

-- One row for each key with rows in the outbox: the one that is next, and when it may be tried. A worker that takes it
-- sets `due` to the end of its lease. In the outbox itself a lease would be a new version of a wide, indexed row.
CREATE TABLE acci.outbox_heads (
    due        timestamptz NOT NULL DEFAULT clock_timestamp(),  -- infinity: failed for good, a dead letter
    lease      uuid,
    tries      integer     NOT NULL DEFAULT 0,  -- of the row that is next
    reaction   text        NOT NULL,
    tenant_id  text        NOT NULL,
    key        text        NOT NULL,
    error      text,
    last_tried timestamptz,
    PRIMARY KEY (reaction, tenant_id, key)
) WITH (fillfactor = 70);
CREATE INDEX outbox_heads_by_due ON acci.outbox_heads (reaction, due);  -- what a paused one has is passed over

-- How each row of the outbox ended, for good.
CREATE TABLE acci.deliveries (
    position bigint      NOT NULL,
    rewind   integer     NOT NULL,
    ordinal  integer     NOT NULL,
    tries    integer     NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reaction text        NOT NULL,
    ended    text        NOT NULL CHECK (ended IN ('delivered', 'refused', 'discarded', 'erased')),
    reason   text,              -- why it was refused or discarded
    PRIMARY KEY (reaction, rewind, position, ordinal)
);

------------------------------------------------------------------------------------------------------------------------
-- Timers and states
------------------------------------------------------------------------------------------------------------------------

-- What comes due becomes an event of the reaction's own stream, with `event_id` as its id, which its payload is
-- encrypted for. `kind`: event (the payload is `content`, of the type `topic`), or what follows then.
CREATE TABLE acci.timers (
    due            timestamptz NOT NULL,
    position       bigint      NOT NULL,
    rewind         integer     NOT NULL,
    ordinal        integer     NOT NULL,
    schema_version integer     NOT NULL DEFAULT 1,
    event_id       uuid        NOT NULL,
    caused_by      uuid        NOT NULL,  -- the event that set it
    reaction       text        NOT NULL REFERENCES acci.reactions,
    stream_type    text        NOT NULL,
    tenant_id      text        NOT NULL,
    key            text        NOT NULL,
    name           text        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('event', 'command', 'message', 'flow')),
    topic          text        NOT NULL,
    correlation_id text        NOT NULL,
    subject        text,
    content        jsonb       NOT NULL,
    PRIMARY KEY (reaction, tenant_id, key, name)
);
CREATE INDEX timers_by_due ON acci.timers (reaction, due);

-- A process manager's state, folded from the events of its key up to a position. Never needed, only quicker: it can be
-- computed again from the outcomes of the key.
CREATE TABLE acci.processes (
    position     bigint NOT NULL,
    reaction     text   NOT NULL REFERENCES acci.reactions,
    tenant_id    text   NOT NULL,
    key          text   NOT NULL,
    state_schema text   NOT NULL,
    subject      text,              -- whose key its state, and what it decides, is encrypted with
    state        jsonb  NOT NULL,
    PRIMARY KEY (reaction, tenant_id, key)
) WITH (fillfactor = 70);

-- What was decided and how it ended is kept as it is.
REVOKE UPDATE, DELETE ON acci.outcomes, acci.deliveries, acci.rewinds FROM acci_project;
REVOKE UPDATE ON acci.outbox FROM acci_project;
GRANT UPDATE (digest) ON acci.outcomes TO acci_administer;
GRANT UPDATE (reason) ON acci.deliveries TO acci_administer;  -- it may quote an erased person's data
