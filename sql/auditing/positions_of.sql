-- The positions of the events of these streams.
SELECT position FROM acci.events
WHERE (tenant_id, aggregate_type, aggregate_id)
      IN (SELECT * FROM unnest(%(tenants)s::text[], %(types)s::text[], %(ids)s::text[]))
ORDER BY position;
