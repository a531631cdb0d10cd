-- What is to be delivered, in order per key: rows of the outbox, and a head for each key that has any.

-- name: copy
COPY acci.outbox (
    position, rewind, ordinal, reaction, tenant_id, key, kind, topic, correlation_id, event_id, subject, content
) FROM STDIN (FORMAT binary);

-- name: add_heads
-- The update locks a head that is there: a worker that ends its last row sees the new ones, or the head is inserted again.
INSERT INTO acci.outbox_heads (reaction, tenant_id, key)
SELECT reaction, tenant_id, key
FROM unnest(%(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[]) AS new (reaction, tenant_id, key)
ON CONFLICT (reaction, tenant_id, key) DO UPDATE SET key = excluded.key;

-- name: count
SELECT count(*) FROM acci.outbox WHERE reaction = %(reaction)s;

-- name: take
-- Heads that are due, of the reactions that run, or of those named that do; each is this lease's until its end. Those that
-- another takes now are left out.
WITH due AS MATERIALIZED (
    SELECT h.reaction, h.tenant_id, h.key
    FROM acci.reactions AS r
    CROSS JOIN LATERAL (
        SELECT reaction, tenant_id, key, due
        FROM acci.outbox_heads
        WHERE reaction = r.reaction AND due <= statement_timestamp()
        ORDER BY due
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS h
    WHERE r.paused_at IS NULL AND (%(names)s::text[] IS NULL OR r.reaction = ANY (%(names)s))
    ORDER BY h.due
    LIMIT %(limit)s
)
UPDATE acci.outbox_heads AS h
SET lease = %(lease)s, due = statement_timestamp() + make_interval(secs => %(seconds)s)
FROM due
WHERE h.reaction = due.reaction AND h.tenant_id = due.tenant_id AND h.key = due.key
RETURNING h.reaction, h.tenant_id, h.key, h.tries;

-- name: next_rows
-- The first rows of each key, in order. A statement of its own: the one that took the heads may have begun before a row
-- was ended.
SELECT h.place, o.position, o.rewind, o.ordinal, o.kind, o.topic, o.correlation_id, o.event_id, o.created_at,
       o.subject, o.content::text
FROM unnest(%(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[])
     WITH ORDINALITY AS h (reaction, tenant_id, key, place)
CROSS JOIN LATERAL (
    SELECT * FROM acci.outbox AS r
    WHERE r.reaction = h.reaction AND r.tenant_id = h.tenant_id AND r.key = h.key
    ORDER BY r.rewind, r.position, r.ordinal
    LIMIT %(rows)s
) AS o
ORDER BY h.place, o.rewind, o.position, o.ordinal;

-- name: lock_leased
-- Those of the heads that their leases still have, locked in the one order that all lock them in.
SELECT h.reaction, h.tenant_id, h.key
FROM acci.outbox_heads AS h
JOIN unnest(%(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[], %(leases)s::uuid[])
     AS g (reaction, tenant_id, key, lease)
  ON h.reaction = g.reaction AND h.tenant_id = g.tenant_id AND h.key = g.key AND h.lease = g.lease
ORDER BY h.reaction, h.tenant_id, h.key
FOR UPDATE OF h;

-- name: end_rows
WITH gone AS (
    DELETE FROM acci.outbox AS o
    USING unnest(
        %(reactions)s::text[], %(rewinds)s::integer[], %(positions)s::bigint[], %(ordinals)s::integer[],
        %(tries)s::integer[], %(endings)s::text[], %(reasons)s::text[]
    ) AS e (reaction, rewind, position, ordinal, tries, ended, reason)
    WHERE o.reaction = e.reaction AND o.rewind = e.rewind AND o.position = e.position AND o.ordinal = e.ordinal
    RETURNING e.*
)
INSERT INTO acci.deliveries (reaction, rewind, position, ordinal, tries, ended, reason)
SELECT reaction, rewind, position, ordinal, tries, ended, reason FROM gone;

-- name: next_heads
-- After `end_rows`, and a statement of its own: it sees rows that were put while the heads were waited for. A head of a
-- key without rows goes; else its next row is due after the delay, NULL: it is a dead letter. `is_untried`: nothing was sent.
WITH given AS (
    SELECT g.*, EXISTS (
        SELECT FROM acci.outbox AS o WHERE o.reaction = g.reaction AND o.tenant_id = g.tenant_id AND o.key = g.key
    ) AS is_needed
    FROM unnest(
        %(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[], %(tries)s::integer[], %(delays)s::float8[],
        %(errors)s::text[], %(untried)s::boolean[]
    ) AS g (reaction, tenant_id, key, tries, delay, error, is_untried)
), gone AS (
    DELETE FROM acci.outbox_heads AS h
    USING given AS g
    WHERE NOT g.is_needed AND h.reaction = g.reaction AND h.tenant_id = g.tenant_id AND h.key = g.key
)
UPDATE acci.outbox_heads AS h
SET lease = NULL, tries = g.tries,
    due = coalesce(statement_timestamp() + make_interval(secs => g.delay), 'infinity'),
    error = CASE WHEN g.is_untried THEN h.error ELSE g.error END,
    last_tried = CASE WHEN g.is_untried THEN h.last_tried WHEN g.error IS NOT NULL THEN statement_timestamp() END
FROM given AS g
WHERE g.is_needed AND h.reaction = g.reaction AND h.tenant_id = g.tenant_id AND h.key = g.key;
