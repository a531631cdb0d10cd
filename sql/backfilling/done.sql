UPDATE acci.backfill_chunks
SET state = 'done', rows = %(rows)s, seconds = %(seconds)s, keys = '[]', error = NULL, ended_at = clock_timestamp()
WHERE backfill = %(backfill)s AND chunk = %(chunk)s;
