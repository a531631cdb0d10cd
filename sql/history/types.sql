-- The types of aggregate that have this id in the tenant's log. The types are found by leaps through the streams' index.
WITH RECURSIVE known (aggregate_type) AS (
    (SELECT aggregate_type FROM acci.events WHERE tenant_id = %(tenant_id)s ORDER BY aggregate_type LIMIT 1)
    UNION ALL
    SELECT (SELECT event.aggregate_type FROM acci.events AS event
            WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type > known.aggregate_type
            ORDER BY event.aggregate_type LIMIT 1)
    FROM known WHERE known.aggregate_type IS NOT NULL
)
SELECT aggregate_type FROM known
WHERE EXISTS (SELECT FROM acci.events AS event
              WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type = known.aggregate_type
                AND event.aggregate_id = %(aggregate_id)s);
