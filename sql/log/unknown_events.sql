-- Counts of events of unknown types up to a position. What metrics have counted already is not counted again, and at most
-- so many further positions are read.
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
