-- Events wait for more than a quarter of an hour to be applied to a live read model.
-- severity: warning
-- place: projection
SELECT g.projection,
       format('%%s has not applied the event at position %%s, recorded %%s ago.', g.projection, waiting.position,
              date_trunc('second', clock_timestamp() - waiting.recorded_at)) AS problem,
       g.checkpoint, waiting.position
FROM acci.generations AS g
CROSS JOIN LATERAL (
    SELECT position, recorded_at FROM acci.events WHERE position > g.checkpoint ORDER BY position LIMIT 1
) AS waiting
WHERE g.state = 'live' AND waiting.recorded_at < clock_timestamp() - interval '15 minutes';
