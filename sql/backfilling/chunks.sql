SELECT chunk, state, size, rows, seconds, error FROM acci.backfill_chunks
WHERE backfill = %(backfill)s
ORDER BY chunk;
