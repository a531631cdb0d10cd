-- Where each reaction has come to, and whether it runs.

-- name: columns
reaction, checkpoint, begins, rewind, fingerprint, server, created_at, advanced_at, paused_at, paused_by, reason

-- name: all
SELECT {reacting/reactions:columns} FROM acci.reactions ORDER BY reaction;

-- name: one
SELECT {reacting/reactions:columns} FROM acci.reactions WHERE reaction = %(reaction)s;

-- name: register
-- Does nothing for one that is there.
INSERT INTO acci.reactions (reaction, checkpoint, begins, fingerprint, server)
VALUES (%(reaction)s, %(position)s, %(position)s, %(fingerprint)s, acci.server_identity())
ON CONFLICT (reaction) DO NOTHING
RETURNING {reacting/reactions:columns};

-- name: recorded_before
-- The last position of what was recorded before a moment.
SELECT position FROM acci.events
WHERE position <= %(to)s AND recorded_at < %(moment)s
ORDER BY position DESC
LIMIT 1;

-- name: lock
-- The reaction's lock: nobody else decides for it, or fires its timers, until this transaction ends.
SELECT {reacting/reactions:columns} FROM acci.reactions WHERE reaction = %(reaction)s FOR UPDATE SKIP LOCKED;

-- name: lock_waiting
-- The same, waited for up to lock_timeout: a batch under way ends soon.
SELECT {reacting/reactions:columns} FROM acci.reactions WHERE reaction = %(reaction)s FOR UPDATE;

-- name: advance
UPDATE acci.reactions
SET checkpoint = %(checkpoint)s, fingerprint = %(fingerprint)s, advanced_at = clock_timestamp()
WHERE reaction = %(reaction)s;

-- name: pause
UPDATE acci.reactions SET paused_at = clock_timestamp(), paused_by = session_user, reason = %(reason)s
WHERE reaction = %(reaction)s AND paused_at IS NULL;

-- name: resume
-- On this server: it is the one that somebody looked at.
UPDATE acci.reactions SET paused_at = NULL, paused_by = NULL, reason = NULL, server = acci.server_identity()
WHERE reaction = %(reaction)s;

-- name: server
SELECT acci.server_identity();

-- name: rewind
UPDATE acci.reactions
SET rewind = rewind + 1, checkpoint = %(position)s, begins = least(begins, %(position)s)
WHERE reaction = %(reaction)s
RETURNING {reacting/reactions:columns};

-- name: record_rewind
INSERT INTO acci.rewinds (reaction, rewind, position, reason)
VALUES (%(reaction)s, %(rewind)s, %(position)s, %(reason)s);

-- name: rewinds
SELECT rewind, position, reason, made_by, made_at FROM acci.rewinds WHERE reaction = %(reaction)s ORDER BY rewind;

-- name: record_code
-- The code that decides from the checkpoint on, unless it is the one that did so before. One that decided nothing is
-- replaced.
INSERT INTO acci.reaction_code (after, rewind, reaction, fingerprint, stream_type, event_types)
SELECT %(checkpoint)s, %(rewind)s, %(reaction)s, %(fingerprint)s, %(stream_type)s, %(event_types)s
WHERE (%(fingerprint)s::text, %(stream_type)s::text, %(event_types)s::text[]) IS DISTINCT FROM (
    SELECT (c.fingerprint, c.stream_type, c.event_types) FROM acci.reaction_code AS c
    WHERE c.reaction = %(reaction)s AND c.rewind = %(rewind)s
    ORDER BY c.after DESC
    LIMIT 1
)
ON CONFLICT (reaction, rewind, after) DO UPDATE
SET fingerprint = excluded.fingerprint, stream_type = excluded.stream_type, event_types = excluded.event_types,
    began_at = excluded.began_at;
