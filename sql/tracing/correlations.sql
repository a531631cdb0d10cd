-- Whose events a batch applied or set aside, by correlation: those among its last thousand positions.
SELECT event.tenant_id, event.metadata ->> 'correlation_id', min(event.position), max(event.position),
       count(*), count(letter.position)
FROM acci.events AS event
LEFT JOIN acci.dead_letters AS letter ON letter.generation = %(generation)s AND letter.position = event.position
WHERE event.position > greatest(%(after)s, %(upto)s - 1000) AND event.position <= %(upto)s
  AND event.event_type = ANY (%(event_types)s) AND event.metadata ->> 'correlation_id' IS NOT NULL
GROUP BY 1, 2
ORDER BY max(event.position) DESC
LIMIT 100;
