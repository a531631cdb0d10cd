-- Some events of these types at positions up to a bound, drawn by chance from all of them: where they are few in the log.
SELECT position FROM acci.events
WHERE position <= %(upto)s AND event_type = ANY (%(event_types)s)
ORDER BY random()
LIMIT %(count)s;
