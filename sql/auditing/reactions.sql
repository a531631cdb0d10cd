-- What reactions decided, and their process managers' states, to be compared with the events.

-- name: decided
-- The events that stand as decided, key by key in order, each with its key, its digest and the code that decided; of one
-- share of the keys, and of those that are asked for.
SELECT e.*, o.key, o.digest, c.fingerprint
FROM acci.outcomes AS o
JOIN (SELECT {log/events:columns} FROM acci.events) AS e ON e.position = o.position
LEFT JOIN LATERAL (
    SELECT fingerprint FROM acci.reaction_code AS code
    WHERE code.reaction = o.reaction AND code.rewind = o.rewind AND code.after < o.position
    ORDER BY code.after DESC
    LIMIT 1
) AS c ON true
WHERE o.reaction = %(reaction)s AND o.ended = 'decided' AND o.position <= %(checkpoint)s
  AND mod(hashtext(o.key) & 2147483647, %(one_in)s::integer) = %(turn)s
  AND (%(tenant_id)s::text IS NULL OR o.tenant_id = %(tenant_id)s)
  AND (%(keys)s::text[] IS NULL
       OR (o.tenant_id, o.key) IN (SELECT * FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[])))
  AND NOT EXISTS (SELECT FROM acci.rewinds AS later
                  WHERE later.reaction = o.reaction AND later.rewind > o.rewind AND later.position < o.position)
  AND (%(since)s = 0 OR EXISTS (
      SELECT FROM acci.outcomes AS newer
      WHERE newer.reaction = o.reaction AND newer.tenant_id = o.tenant_id AND newer.key = o.key
        AND newer.position > %(since)s
  ))
ORDER BY o.tenant_id, o.key, o.position;

-- name: states
-- A page of the states as they are stored, of one share of the keys, and of those that are asked for.
SELECT tenant_id, key, subject, state::text
FROM acci.processes
WHERE reaction = %(reaction)s AND state_schema = %(state_schema)s
  AND (tenant_id, key) > (%(after_tenant)s, %(after_key)s)
  AND mod(hashtext(key) & 2147483647, %(one_in)s::integer) = %(turn)s
  AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
  AND (%(keys)s::text[] IS NULL
       OR (tenant_id, key) IN (SELECT * FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[])))
  AND position > %(since)s
ORDER BY tenant_id, key
LIMIT %(page)s;

-- name: of_streams
-- The keys among these of which events were decided that are in one of these streams.
SELECT DISTINCT o.tenant_id, o.key
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS asked (tenant_id, key)
JOIN acci.outcomes AS o ON o.reaction = %(reaction)s AND o.tenant_id = asked.tenant_id AND o.key = asked.key
JOIN acci.events AS e ON e.position = o.position
WHERE (e.tenant_id, e.aggregate_type, e.aggregate_id)
      IN (SELECT * FROM unnest(%(stream_tenants)s::text[], %(stream_types)s::text[], %(stream_ids)s::text[]));

-- name: drop_heads
-- Of keys without rows. A statement of its own: it sees rows that were put while the heads were waited for.
DELETE FROM acci.outbox_heads AS h
USING unnest(%(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[]) AS given (reaction, tenant_id, key)
WHERE h.reaction = given.reaction AND h.tenant_id = given.tenant_id AND h.key = given.key
  AND NOT EXISTS (SELECT FROM acci.outbox AS o
                  WHERE o.reaction = h.reaction AND o.tenant_id = h.tenant_id AND o.key = h.key);
