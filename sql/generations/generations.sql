-- Generations: the builds of read models, with state, rules and checkpoint.

-- name: columns
-- Of a generation as the program knows it, in this order.
generation, projection, state, fingerprint, definition, indexes, checkpoint, created_at, published_at, kept_at

-- name: add
INSERT INTO acci.generations (projection, fingerprint, definition)
VALUES (%(projection)s, %(fingerprint)s, %(definition)s)
RETURNING {generations/generations:columns};

-- name: one
SELECT {generations/generations:columns}
FROM acci.generations
WHERE generation = %(generation)s;

-- name: all
SELECT {generations/generations:columns}
FROM acci.generations
WHERE state <> 'dropped'
ORDER BY projection, generation;

-- name: live
SELECT {generations/generations:columns}
FROM acci.generations
WHERE projection = %(projection)s AND state = 'live';

-- name: building
SELECT {generations/generations:columns}
FROM acci.generations
WHERE projection = %(projection)s AND state = 'building';

-- name: kept
SELECT {generations/generations:columns}
FROM acci.generations
WHERE projection = %(projection)s AND state = 'kept'
ORDER BY generation DESC;

-- name: rejected
SELECT {generations/generations:columns}
FROM acci.generations
WHERE projection = %(projection)s AND state = 'rejected';

-- name: states
-- The generations of one projection or of all, with their states.
SELECT generation, state FROM acci.generations
WHERE state <> 'dropped' AND (%(projection)s::text IS NULL OR projection = %(projection)s)
ORDER BY generation;

-- name: projections
SELECT DISTINCT projection FROM acci.generations;

-- name: lock_for_swap
-- Both generations of a swap, always in the same order; waits for a batch under way, up to lock_timeout.
SELECT generation, checkpoint FROM acci.generations
WHERE generation = ANY (%(generations)s)
ORDER BY generation
FOR UPDATE;

-- name: set_state
UPDATE acci.generations
SET state = %(state)s, published_at = CASE WHEN %(state)s = 'live' THEN clock_timestamp() ELSE published_at END
WHERE generation = %(generation)s;

-- name: set_checkpoint
UPDATE acci.generations SET checkpoint = %(checkpoint)s, advanced_at = clock_timestamp()
WHERE generation = %(generation)s;

-- name: reset_checkpoint
UPDATE acci.generations SET checkpoint = kept_at WHERE generation = %(generation)s AND state = 'kept';

-- name: set_rules
UPDATE acci.generations SET fingerprint = %(fingerprint)s, definition = %(definition)s
WHERE generation = %(generation)s;

-- name: table_definition
SELECT shape FROM acci.generations WHERE generation = %(generation)s;

-- name: set_table_definition
UPDATE acci.generations SET shape = %(shape)s WHERE generation = %(generation)s;

-- name: set_indexes
UPDATE acci.generations SET indexes = %(indexes)s WHERE generation = %(generation)s;

-- name: remove_dead_letters
WITH letters AS (DELETE FROM acci.dead_letters WHERE generation = %(generation)s)
DELETE FROM acci.parked_keys WHERE generation = %(generation)s;
