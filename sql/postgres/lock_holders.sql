-- The sessions that may hold what a session (by its pid) waited for until its timeout: those with a lock that others wait
-- for, held since before the wait; advisory and table locks first, then sessions with uncommitted writes.
SELECT coalesce(s.usename, p.owner) AS who, s.application_name, l.pid, p.gid, s.state,
       extract(epoch FROM clock_timestamp() - coalesce(s.xact_start, p.prepared))::float8 AS seconds
FROM (
    SELECT pid, virtualtransaction,
           min(CASE WHEN locktype = 'advisory' THEN 1
                    WHEN mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') THEN 2
                    ELSE 3 END) AS rank
    FROM pg_catalog.pg_locks
    WHERE granted AND pid IS DISTINCT FROM %(pid)s
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND (locktype = 'advisory'
           OR locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareUpdateExclusiveLock')
              AND relation IN (SELECT c.oid FROM pg_catalog.pg_class AS c
                               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                               WHERE n.nspname ~ '^(acci|read$|generation_)'))
    GROUP BY pid, virtualtransaction
) AS l
LEFT JOIN acci.sessions() AS s ON s.pid = l.pid
LEFT JOIN pg_catalog.pg_locks AS x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                                  AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.transactionid
WHERE (s.pid IS NOT NULL OR p.gid IS NOT NULL)
  AND (coalesce(s.xact_start, p.prepared) IS NULL
       OR coalesce(s.xact_start, p.prepared)
          <= (SELECT query_start FROM pg_catalog.pg_stat_activity WHERE pid = %(pid)s))
ORDER BY l.rank, seconds DESC NULLS FIRST
LIMIT 3;
