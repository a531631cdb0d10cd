-- The same, as PostgreSQL may run it in parallel.
CREATE TABLE hand.complaints AS
SELECT tenant_id, aggregate_id AS id, data ->> 'about' AS about, "timestamp" AS filed_at
FROM acci.events
WHERE event_type = 'ComplaintFiled';
