-- The events at these positions, each with its stream.
SELECT position, tenant_id, aggregate_type, aggregate_id FROM acci.events WHERE position = ANY (%(positions)s);
