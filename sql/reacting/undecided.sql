-- Events that could not be decided, and those that wait behind them.

-- name: parked
-- The keys that wait.
SELECT DISTINCT tenant_id, key FROM acci.undecided WHERE reaction = %(reaction)s AND key IS NOT NULL;

-- name: add
INSERT INTO acci.undecided (position, rewind, reaction, tenant_id, key, event_type, error, tries, last_tried)
SELECT given.position, %(rewind)s, %(reaction)s, given.tenant_id, given.key, given.event_type, given.error,
       (given.error IS NOT NULL)::integer, CASE WHEN given.error IS NOT NULL THEN clock_timestamp() END
FROM unnest(
    %(positions)s::bigint[], %(tenant_ids)s::text[], %(keys)s::text[], %(event_types)s::text[], %(errors)s::text[]
) AS given (position, tenant_id, key, event_type, error)
ON CONFLICT (reaction, rewind, position) DO NOTHING;

-- name: parked_upto
-- The keys that wait behind an event at or before a position.
SELECT DISTINCT tenant_id, key FROM acci.undecided
WHERE reaction = %(reaction)s AND key IS NOT NULL AND position <= %(position)s;

-- name: of_keys
-- A page of what waits for these keys, after a position; in order, in which rewinds rise too.
SELECT u.position, u.rewind, u.tenant_id, u.key
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS wanted (tenant_id, key)
JOIN acci.undecided AS u
  ON u.reaction = %(reaction)s AND u.tenant_id = wanted.tenant_id AND u.key = wanted.key AND u.position > %(after)s
ORDER BY u.position
LIMIT %(page)s;

-- name: one
SELECT FROM acci.undecided WHERE reaction = %(reaction)s AND rewind = %(rewind)s AND position = %(position)s;

-- name: waiting
SELECT count(*)
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS wanted (tenant_id, key)
JOIN acci.undecided AS u
  ON u.reaction = %(reaction)s AND u.tenant_id = wanted.tenant_id AND u.key = wanted.key AND u.error IS NULL;

-- name: waits_behind
-- Whether an event of that key before this position waits.
SELECT EXISTS (SELECT FROM acci.undecided
               WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND key = %(key)s
                 AND position < %(position)s);

-- name: tried
-- What could not be decided again, or waits behind such an event.
UPDATE acci.undecided AS u
SET key = coalesce(given.key, u.key), error = given.error, tries = tries + (given.error IS NOT NULL)::integer,
    last_tried = CASE WHEN given.error IS NOT NULL THEN clock_timestamp() ELSE last_tried END
FROM unnest(%(positions)s::bigint[], %(keys)s::text[], %(errors)s::text[]) AS given (position, key, error)
WHERE u.reaction = %(reaction)s AND u.rewind = %(rewind)s AND u.position = given.position;

-- name: remove
DELETE FROM acci.undecided
WHERE reaction = %(reaction)s AND rewind = %(rewind)s AND position = ANY (%(positions)s::bigint[]);

-- name: rewound
-- Those after a position are decided again.
DELETE FROM acci.undecided WHERE reaction = %(reaction)s AND position > %(position)s;
