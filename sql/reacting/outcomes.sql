-- What was decided, one row an event, for good.

-- name: within
-- Of the events in (after, to] under a rewind.
SELECT position, digest FROM acci.outcomes
WHERE reaction = %(reaction)s AND rewind = %(rewind)s AND position > %(after)s AND position <= %(to)s;

-- name: copy
COPY acci.outcomes (position, rewind, effects, reaction, tenant_id, key, ended, digest, reason) FROM STDIN (FORMAT binary);

-- name: of_keys
-- The positions of the events that were decided for each of these keys, up to a position, whatever the rewind.
SELECT o.tenant_id, o.key, array_agg(DISTINCT o.position)
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS wanted (tenant_id, key)
JOIN acci.outcomes AS o
  ON o.reaction = %(reaction)s AND o.tenant_id = wanted.tenant_id AND o.key = wanted.key
 AND o.position <= %(to)s AND o.ended = 'decided'
GROUP BY o.tenant_id, o.key;
