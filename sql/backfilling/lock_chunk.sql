SELECT keys FROM acci.backfill_chunks
WHERE backfill = %(backfill)s AND chunk = %(chunk)s AND state <> 'done'
FOR UPDATE;
