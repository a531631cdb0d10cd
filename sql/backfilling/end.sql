UPDATE acci.backfills SET state = %(state)s, finished_at = clock_timestamp() WHERE backfill = %(backfill)s;
