-- A backfill of the same part of the same generation that has not ended.
SELECT backfill FROM acci.backfills
WHERE generation = %(generation)s AND selection = %(selection)s AND state = 'running'
ORDER BY backfill DESC LIMIT 1;
