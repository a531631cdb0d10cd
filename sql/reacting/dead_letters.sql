-- Events that could not be decided, and deliveries that failed for good; each with what of its key waits behind it.

-- name: list
SELECT u.reaction, u.tenant_id, u.key, u.position, u.rewind, NULL::integer AS ordinal, 'event' AS kind,
       u.event_type AS topic, u.error, u.tries, u.first_seen, u.last_tried,
       (SELECT count(*) FROM acci.undecided AS w
        WHERE w.reaction = u.reaction AND w.tenant_id = u.tenant_id AND w.key = u.key AND w.position > u.position)
FROM acci.undecided AS u
WHERE u.error IS NOT NULL AND (%(reaction)s::text IS NULL OR u.reaction = %(reaction)s)
  AND (%(tenant_id)s::text IS NULL OR u.tenant_id = %(tenant_id)s)
UNION ALL
SELECT h.reaction, h.tenant_id, h.key, o.position, o.rewind, o.ordinal, o.kind, o.topic, coalesce(h.error, ''), h.tries,
       o.created_at, h.last_tried,
       (SELECT count(*) - 1 FROM acci.outbox AS w
        WHERE w.reaction = h.reaction AND w.tenant_id = h.tenant_id AND w.key = h.key)
FROM acci.outbox_heads AS h
CROSS JOIN LATERAL (SELECT * FROM acci.outbox AS r
                    WHERE r.reaction = h.reaction AND r.tenant_id = h.tenant_id AND r.key = h.key
                    ORDER BY r.rewind, r.position, r.ordinal LIMIT 1) AS o
WHERE h.due = 'infinity' AND (%(reaction)s::text IS NULL OR h.reaction = %(reaction)s)
  AND (%(tenant_id)s::text IS NULL OR h.tenant_id = %(tenant_id)s)
ORDER BY reaction, position, ordinal NULLS FIRST, rewind;

-- name: content
-- Of a delivery: as stored, and whether it is encrypted.
SELECT content::text, subject IS NOT NULL FROM acci.outbox
WHERE reaction = %(reaction)s AND rewind = %(rewind)s AND position = %(position)s AND ordinal = %(ordinal)s;

-- name: deliver_again
-- These keys' next deliveries, as if they had never been tried.
UPDATE acci.outbox_heads AS h
SET due = statement_timestamp(), tries = 0, lease = NULL
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS given (tenant_id, key)
WHERE h.reaction = %(reaction)s AND h.tenant_id = given.tenant_id AND h.key = given.key AND h.due = 'infinity';

-- name: discard
-- A delivery that is left out for good, if it still is the dead letter of its key, whose head is locked by this.
WITH head AS (
    SELECT tries FROM acci.outbox_heads
    WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND key = %(key)s AND due = 'infinity'
    FOR UPDATE
), gone AS (
    DELETE FROM acci.outbox AS o USING head
    WHERE o.reaction = %(reaction)s AND o.rewind = %(rewind)s AND o.position = %(position)s AND o.ordinal = %(ordinal)s
    RETURNING o.reaction, o.rewind, o.position, o.ordinal, head.tries
)
INSERT INTO acci.deliveries (reaction, rewind, position, ordinal, tries, ended, reason)
SELECT reaction, rewind, position, ordinal, tries, 'discarded', concat(%(reason)s::text, ' (by ', session_user, ')')
FROM gone;
