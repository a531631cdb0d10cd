-- Random keys and their events, for the reference engine.

-- name: positions
-- A random sample of events of these types up to a position: for each random position, the first one there or soon after.
SELECT DISTINCT e.position
FROM generate_series(1, %(count)s) AS drawn,
     LATERAL (SELECT floor(random() * %(upto)s)::bigint + 1 + 0 * drawn AS place) AS p,
     LATERAL (SELECT position FROM acci.events
              WHERE position >= p.place AND position <= least(p.place + 500, %(upto)s)
                AND event_type = ANY (%(event_types)s)
              ORDER BY position LIMIT 1) AS e;

-- name: rare_positions
-- A random sample of events of these types up to a position, from all of them: for types that are rare in the log.
SELECT position FROM acci.events
WHERE position <= %(upto)s AND event_type = ANY (%(event_types)s)
ORDER BY random()
LIMIT %(count)s;

-- name: leave_out
-- Leave out keys with too many events, the longest histories first; returns how many.
WITH counted AS (
    SELECT t.key, count(e.position) AS events
    FROM pg_temp.affected_keys AS t
    LEFT JOIN pg_temp.affected_events AS e USING (key)
    GROUP BY t.key
), longest AS (
    SELECT key FROM (SELECT key, sum(events) OVER (ORDER BY events, key) AS running FROM counted) AS summed
    WHERE running > %(budget)s
)
DELETE FROM pg_temp.affected_keys WHERE key IN (SELECT key FROM longest);

-- name: events
-- The events of the chosen keys, in order.
SELECT {log/events:columns}
FROM acci.events
WHERE position = ANY (ARRAY(SELECT t.position FROM pg_temp.affected_events AS t JOIN pg_temp.affected_keys USING (key)))
ORDER BY position;

-- name: keys_and_positions
-- The chosen keys and the positions of their events, in order.
SELECT t.key, t.position FROM pg_temp.affected_events AS t JOIN pg_temp.affected_keys USING (key) ORDER BY t.position;
