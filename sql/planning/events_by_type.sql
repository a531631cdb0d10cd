-- The events that a build reads, by type.
SELECT event_type, count(*)
FROM acci.events
WHERE event_type = ANY (%(event_types)s) AND position <= %(upto)s
GROUP BY event_type
ORDER BY count(*) DESC, event_type;
