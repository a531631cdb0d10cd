-- Some events of these types at positions up to a bound, drawn by chance: for each place drawn the first one there or
-- soon after it.
SELECT DISTINCT e.position
FROM generate_series(1, %(count)s) AS drawn,
     LATERAL (SELECT floor(random() * %(upto)s)::bigint + 1 + 0 * drawn AS place) AS p,
     LATERAL (SELECT position FROM acci.events
              WHERE position >= p.place AND position <= least(p.place + 500, %(upto)s)
                AND event_type = ANY (%(event_types)s)
              ORDER BY position LIMIT 1) AS e;
