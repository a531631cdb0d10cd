-- What was decided, one row an event, for good.

-- name: within
-- Of the events in (after, to] under a rewind.
SELECT position, digest FROM acci.outcomes
WHERE reaction = %(reaction)s AND rewind = %(rewind)s AND position > %(after)s AND position <= %(to)s;

-- name: copy
COPY acci.outcomes (position, rewind, effects, reaction, tenant_id, key, ended, digest, reason) FROM STDIN (FORMAT binary);

-- name: of_keys
-- The positions of the events that were decided for each of these keys, up to a position. What was decided before a rewind
-- to an earlier position counts no more: after it the event may have another key, or be discarded.
SELECT o.tenant_id, o.key, array_agg(DISTINCT o.position)
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS wanted (tenant_id, key)
JOIN acci.outcomes AS o
  ON o.reaction = %(reaction)s AND o.tenant_id = wanted.tenant_id AND o.key = wanted.key
 AND o.position <= %(to)s AND o.ended = 'decided'
WHERE NOT EXISTS (SELECT FROM acci.rewinds AS r
                  WHERE r.reaction = o.reaction AND r.rewind > o.rewind AND r.position < o.position)
GROUP BY o.tenant_id, o.key;

-- name: discard
-- An event that is left out for good: nothing follows from it, and no state is folded from it.
INSERT INTO acci.outcomes (position, rewind, effects, reaction, tenant_id, key, ended, digest, reason)
VALUES (%(position)s, %(rewind)s, 0, %(reaction)s, %(tenant_id)s, coalesce(%(key)s::text, ''), 'discarded', '',
        concat(%(reason)s::text, ' (by ', session_user, ')'));
