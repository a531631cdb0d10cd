-- The high-water mark: the position at and below which nothing can still appear.

-- name: candidate
-- Where no new mark can be established, the head is the last stored position: a standby's sequence is unreliable.
SELECT candidate, holders, pg_is_in_recovery() AS standby,
       CASE WHEN holders IS NULL THEN acci.log_end() ELSE candidate END AS head
FROM acci.high_water_candidate();

-- name: appending
SELECT acci.appending();

-- name: raise
SELECT acci.raise_high_water(%(position)s);

-- name: last
-- A mark beyond the log's end belongs to another log (a restore): then the mark is unknown.
SELECT CASE WHEN position <= greatest(pg_sequence_last_value('acci.events_position_seq'), acci.log_end())
            THEN position ELSE 0 END
FROM acci.high_water;

-- name: waiting
-- The mark as last established, the log's end, and seconds that the first event above the mark has waited. The end is
-- the last position drawn; of a standby, and where the sequence is behind, the last stored. Nothing is changed.
SELECT m.position, h.head, m.established_at, acci.appending(),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
        FROM acci.events WHERE position > m.position ORDER BY position LIMIT 1),
       pg_is_in_recovery() AS standby
FROM acci.high_water AS m
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_is_in_recovery() THEN acci.log_end()
                ELSE greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq')) END AS head
) AS h;

-- name: holders
-- The sessions that hold an inserter's lock on the events table, and prepared transactions, which have no session.
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
