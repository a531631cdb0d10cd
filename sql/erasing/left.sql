-- Where ACCI's own tables still say any of it.
SELECT place, count(*)
FROM (
    SELECT 'snapshots' AS place, state::text AS content FROM acci.snapshots WHERE tenant_id = %(tenant_id)s
    UNION ALL SELECT 'dead letters', concat(error, payload) FROM acci.dead_letters WHERE position = ANY (%(positions)s)
    UNION ALL SELECT 'findings', concat(place, problem, details) FROM acci.findings
    UNION ALL SELECT 'backfills', error FROM acci.backfill_chunks
) AS kept
WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(kept.content, said) > 0)
GROUP BY place;
