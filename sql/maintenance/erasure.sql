-- Removes what is still stored of a person whose key was destroyed.

-- name: events
-- A person's events of one type: those of the aggregate of that id, or those that name the person in `field`.
SELECT position, id, aggregate_type, aggregate_id, data::text
FROM acci.events
WHERE tenant_id = %(tenant_id)s AND event_type = %(event_type)s
  AND CASE WHEN %(field)s::text IS NULL THEN aggregate_id ELSE data ->> %(field)s::text END = %(subject)s;

-- name: snapshots
DELETE FROM acci.snapshots
WHERE tenant_id = %(tenant_id)s
  AND (aggregate_type, aggregate_id) IN (SELECT * FROM unnest(%(types)s::text[], %(ids)s::text[]));

-- name: commands
-- Digests without a key, as earlier versions recorded commands: their content could be guessed.
UPDATE acci.commands AS c SET content = ''
WHERE c.tenant_id = %(tenant_id)s AND octet_length(c.content) = 32
  AND c.id IN (
      SELECT CAST(e.metadata ->> 'causation_id' AS uuid) FROM acci.events AS e
      WHERE e.position = ANY (%(positions)s) AND e.metadata ->> 'causation_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  );

-- name: dead_letters
-- The payload is unreadable by now, but the error message may still quote it.
UPDATE acci.dead_letters SET error = 'erased' WHERE position = ANY (%(positions)s) AND error <> 'erased';

-- name: findings
DELETE FROM acci.findings AS f
WHERE EXISTS (
    SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(concat(f.place, f.problem, f.details), said) > 0
);

-- name: clean_findings
SELECT acci.analyze_findings();

-- name: chunks
UPDATE acci.backfill_chunks AS c SET error = 'erased'
WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(c.error, said) > 0);

-- name: remove_rows
DELETE FROM {table} AS t WHERE ARRAY[{key}] IN (SELECT * FROM jsonb_to_recordset(%(keys)s) AS k (key text[]));

-- name: clean
-- What PostgreSQL keeps of deleted rows: dead row versions, and values in statistics.
VACUUM (ANALYZE) {table};

-- name: left
-- The places in ACCI's own tables that still contain any of the texts.
SELECT place, count(*)
FROM (
    SELECT 'snapshots' AS place, state::text AS content FROM acci.snapshots WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'dead letters', concat(error, payload) FROM acci.dead_letters WHERE position = ANY (%(positions)s)
    UNION ALL SELECT 'findings', concat(place, problem, details) FROM acci.findings
    UNION ALL SELECT 'backfills', error FROM acci.backfill_chunks
    UNION ALL SELECT 'outbox', content::text FROM acci.outbox WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'outbox', error FROM acci.outbox_heads WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'deliveries', d.reason FROM acci.deliveries AS d
              JOIN acci.outcomes AS o USING (reaction, rewind, position) WHERE o.tenant_id = %(tenant_id)s
    UNION ALL SELECT 'timers', content::text FROM acci.timers WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'states of reactions', state::text FROM acci.processes WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'undecided events', error FROM acci.undecided WHERE tenant_id = %(tenant_id)s
) AS kept
WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(kept.content, said) > 0)
GROUP BY place;

-- name: left_in_rows
-- How many rows of a read model still contain any of the texts: of the person's keys, and of others.
SELECT count(*) FILTER (WHERE theirs), count(*) FILTER (WHERE NOT theirs)
FROM (
    SELECT ARRAY[{key}] IN (SELECT key FROM pg_temp.affected_keys) AS theirs
    FROM {table} AS t
    WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(to_jsonb(t)::text, said) > 0)
) AS found;
