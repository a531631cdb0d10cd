-- The event types at or below a position but those known, with how many events have them. What metrics have counted is
-- not counted again, and of the rest at most so many positions.
SELECT event_type, sum(events)::bigint
FROM (
    SELECT event_type, events FROM acci.event_counts
    UNION ALL
    SELECT e.event_type, count(*)
    FROM acci.events AS e
    WHERE e.position > (SELECT position FROM acci.counted)
      AND e.position <= least(%(upto)s, (SELECT position FROM acci.counted) + %(at_most)s)
    GROUP BY e.event_type
) AS found
WHERE event_type <> ALL (%(known)s)
GROUP BY event_type
ORDER BY event_type;
