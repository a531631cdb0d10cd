-- Ends what reactions were still to do for a person whose key was destroyed, and empties what could be guessed of them.

-- name: all
SELECT reaction FROM acci.reactions ORDER BY reaction;

-- name: lock
-- Behind a batch under way, which may have read the person's data before the key was destroyed.
SELECT FROM acci.reactions WHERE reaction = %(reaction)s FOR UPDATE;

-- name: keys
-- The keys in whose outcomes and states the person's data may be.
SELECT key FROM acci.outcomes
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND position = ANY (%(positions)s)
UNION
SELECT key FROM acci.undecided
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND position = ANY (%(positions)s) AND key IS NOT NULL
UNION
SELECT key FROM acci.processes
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND subject = %(subject)s
UNION
SELECT key FROM acci.timers
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND subject = %(subject)s
UNION
SELECT o.key FROM acci.outbox AS b JOIN acci.outcomes AS o USING (reaction, rewind, position)
WHERE b.reaction = %(reaction)s AND b.tenant_id = %(tenant_id)s AND b.subject = %(subject)s;

-- name: of_others
-- What was decided for others on a state in which the person's data may be: encrypted for `about` with the key of another.
SELECT b.rewind, b.position, b.ordinal, concat_ws('/', b.reaction, b.rewind, b.position, b.ordinal) AS about, b.content::text
FROM acci.outbox AS b JOIN acci.outcomes AS o USING (reaction, rewind, position)
WHERE b.reaction = %(reaction)s AND b.tenant_id = %(tenant_id)s AND b.subject <> %(subject)s AND o.key = ANY (%(keys)s)
UNION ALL
SELECT rewind, position, ordinal, event_id::text, content::text FROM acci.timers
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND subject <> %(subject)s AND key = ANY (%(keys)s);

-- name: theirs
reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND {maintenance/erasing_reactions:of_the_person}

-- name: of_the_person
(coalesce(subject = %(subject)s, false) OR position = ANY (%(positions)s) OR (rewind, position, ordinal) IN (
    SELECT * FROM unnest(%(rewinds)s::integer[], %(places)s::bigint[], %(ordinals)s::integer[])
))

-- name: lock_heads
-- A worker that is delivering ends first, or finds that the head has another lease.
SELECT key FROM acci.outbox_heads
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s
  AND key IN (SELECT key FROM acci.outbox WHERE {maintenance/erasing_reactions:theirs})
ORDER BY key
FOR UPDATE;

-- name: end_rows
WITH next AS (
    SELECT DISTINCT ON (key) key, rewind, position, ordinal,
           {maintenance/erasing_reactions:of_the_person} AS ends
    FROM acci.outbox
    WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND key = ANY (%(heads)s)
    ORDER BY key, rewind, position, ordinal
), passed AS (
    UPDATE acci.outbox_heads AS h
    SET due = statement_timestamp(), lease = NULL, tries = 0, error = NULL, last_tried = NULL
    FROM next
    WHERE h.reaction = %(reaction)s AND h.tenant_id = %(tenant_id)s AND h.key = next.key AND next.ends
), gone AS (
    DELETE FROM acci.outbox WHERE {maintenance/erasing_reactions:theirs}
    RETURNING reaction, tenant_id, key, rewind, position, ordinal
)
INSERT INTO acci.deliveries (reaction, rewind, position, ordinal, tries, ended)
SELECT reaction, rewind, position, ordinal, CASE WHEN next.key IS NULL THEN 0 ELSE coalesce(h.tries, 0) END, 'erased'
FROM gone
LEFT JOIN acci.outbox_heads AS h USING (reaction, tenant_id, key)
LEFT JOIN next USING (key, rewind, position, ordinal);

-- name: drop_heads
-- Of keys without rows.
DELETE FROM acci.outbox_heads AS h
WHERE h.reaction = %(reaction)s AND h.tenant_id = %(tenant_id)s AND h.key = ANY (%(heads)s)
  AND NOT EXISTS (SELECT FROM acci.outbox AS o
                  WHERE o.reaction = h.reaction AND o.tenant_id = h.tenant_id AND o.key = h.key);

-- name: timers
DELETE FROM acci.timers WHERE {maintenance/erasing_reactions:theirs};

-- name: states
-- They are computed again from the events, which read as erased.
DELETE FROM acci.processes WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND key = ANY (%(keys)s);

-- name: digests
-- What was decided could be guessed by them.
UPDATE acci.outcomes SET digest = ''
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND key = ANY (%(keys)s) AND digest <> '';

-- name: undecided
-- The error message may quote the event.
UPDATE acci.undecided SET error = 'erased'
WHERE reaction = %(reaction)s AND tenant_id = %(tenant_id)s AND error <> 'erased'
  AND (position = ANY (%(positions)s) OR key = ANY (%(keys)s));

-- name: errors
-- Why a delivery failed, in the words of a receiver.
UPDATE acci.outbox_heads AS h SET error = 'erased'
WHERE h.reaction = %(reaction)s AND h.tenant_id = %(tenant_id)s
  AND EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(h.error, said) > 0);

-- name: reasons
-- Why a command was refused.
UPDATE acci.deliveries AS d SET reason = 'erased'
FROM acci.outcomes AS o
WHERE o.reaction = d.reaction AND o.rewind = d.rewind AND o.position = d.position
  AND o.reaction = %(reaction)s AND o.tenant_id = %(tenant_id)s
  AND EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(d.reason, said) > 0);
