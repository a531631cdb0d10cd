-- The first aggregates of a tenant with ids behind this one, whatever their types, in order of id. Found by leaps
-- through the streams' index.
WITH RECURSIVE types (aggregate_type) AS (
    (SELECT aggregate_type FROM acci.events WHERE tenant_id = %(tenant_id)s ORDER BY aggregate_type LIMIT 1)
    UNION ALL
    SELECT (SELECT event.aggregate_type FROM acci.events AS event
            WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type > types.aggregate_type
            ORDER BY event.aggregate_type LIMIT 1)
    FROM types WHERE types.aggregate_type IS NOT NULL
), ids (aggregate_type, aggregate_id, place) AS (
    SELECT types.aggregate_type, first.aggregate_id, 1
    FROM types CROSS JOIN LATERAL (
        SELECT event.aggregate_id FROM acci.events AS event
        WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type = types.aggregate_type
          AND event.aggregate_id > %(aggregate_id)s
        ORDER BY event.aggregate_id LIMIT 1
    ) AS first
    UNION ALL
    SELECT ids.aggregate_type,
           (SELECT event.aggregate_id FROM acci.events AS event
            WHERE event.tenant_id = %(tenant_id)s AND event.aggregate_type = ids.aggregate_type
              AND event.aggregate_id > ids.aggregate_id
            ORDER BY event.aggregate_id LIMIT 1),
           ids.place + 1
    FROM ids WHERE ids.aggregate_id IS NOT NULL AND ids.place < %(page)s
)
SELECT DISTINCT aggregate_id FROM ids WHERE aggregate_id IS NOT NULL ORDER BY aggregate_id LIMIT %(page)s;
