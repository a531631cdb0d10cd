-- Finding the first rows of a read model by the log's own order.

-- name: sorted_alike
-- Whether these columns of a table are sorted as the log's names are.
SELECT bool_and(attcollation = (SELECT attcollation FROM pg_catalog.pg_attribute
                                WHERE attrelid = 'acci.events'::regclass AND attname = 'aggregate_id'))
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attname = ANY (%(columns)s);

-- name: tenant
-- The next tenant with events after this one; without one, the first.
SELECT tenant_id FROM acci.events
WHERE %(tenant_id)s::text IS NULL OR tenant_id > %(tenant_id)s
ORDER BY tenant_id LIMIT 1;

-- name: ids
-- The first aggregates of a tenant with ids after this one, of all types, in order of id, by a loose index scan of the
-- streams' index.
WITH RECURSIVE types (aggregate_type) AS (
    {log/streams:types}
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
