-- Who holds an inserter's lock on the events table: a session, or a prepared transaction without one.
SELECT DISTINCT l.virtualtransaction, l.pid, a.usename, a.application_name, a.state,
       coalesce(a.xact_start, p.prepared) AS since, p.gid, coalesce(a.wait_event = 'SyncRep', false) AS committed
FROM pg_catalog.pg_locks AS l
LEFT JOIN acci.sessions() AS a ON a.pid = l.pid
LEFT JOIN pg_catalog.pg_locks AS x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                                  AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.transactionid
WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock'
  AND l.relation = 'acci.events'::regclass AND l.virtualtransaction = ANY (%(holders)s)
ORDER BY since;
