UPDATE acci.backfill_chunks SET state = 'failed', error = %(error)s, ended_at = clock_timestamp()
WHERE backfill = %(backfill)s AND chunk = %(chunk)s AND state <> 'done';
