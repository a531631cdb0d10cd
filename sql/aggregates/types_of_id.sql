-- The types of aggregate that have this id in the tenant's log.
WITH RECURSIVE types (aggregate_type) AS (
    {log/streams:types}
)
SELECT aggregate_type FROM types
WHERE EXISTS (SELECT FROM acci.events AS event
              WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type = types.aggregate_type
                AND event.aggregate_id = %(aggregate_id)s);
