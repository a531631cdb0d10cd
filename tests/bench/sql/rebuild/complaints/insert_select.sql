INSERT INTO hand.complaints (tenant_id, id, about, filed_at)
SELECT tenant_id, aggregate_id, data ->> 'about', "timestamp"
FROM acci.events
WHERE event_type = 'ComplaintFiled';
