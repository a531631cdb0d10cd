-- What daily_sales must hold; its counts and sums show an event that was applied twice.
SELECT tenant_id, ("timestamp" AT TIME ZONE 'Europe/Amsterdam')::date AS day, count(*) AS orders,
       sum((data ->> 'amount')::numeric) AS amount, max((data ->> 'amount')::numeric) AS largest
FROM acci.events WHERE event_type = 'OrderPlaced'
GROUP BY 1, 2
