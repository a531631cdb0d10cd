-- The streams of events that were found wrong, and what depends on them.

-- name: streams
-- The events at these positions, each with its stream.
SELECT position, tenant_id, aggregate_type, aggregate_id FROM acci.events WHERE position = ANY (%(positions)s);

-- name: positions
-- The positions of the events of these streams.
SELECT position FROM acci.events
WHERE (tenant_id, aggregate_type, aggregate_id)
      IN (SELECT * FROM unnest(%(tenants)s::text[], %(types)s::text[], %(ids)s::text[]))
ORDER BY position;

-- name: handles_any
-- Whether a projection handles any event of these aggregate types.
SELECT EXISTS (SELECT FROM acci.events
               WHERE aggregate_type = ANY (%(types)s) AND event_type = ANY (%(event_types)s));
