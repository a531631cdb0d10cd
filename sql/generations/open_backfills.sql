-- Backfills of new columns that have begun on a live generation and not ended: readers do not see those columns yet.
SELECT b.generation, b.backfill, ARRAY(SELECT jsonb_array_elements_text(b.selection -> 'columns')) AS columns,
       (SELECT count(*) FROM acci.backfill_chunks AS c WHERE c.backfill = b.backfill AND c.state <> 'done') AS missing,
       (SELECT count(*) FROM acci.backfill_chunks AS c WHERE c.backfill = b.backfill) AS chunks
FROM acci.backfills AS b
JOIN acci.generations AS g ON g.generation = b.generation AND g.state = 'live'
WHERE b.state = 'running' AND b.selection ? 'columns'
ORDER BY b.backfill;
