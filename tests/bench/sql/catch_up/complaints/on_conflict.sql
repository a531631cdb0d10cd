INSERT INTO hand.complaints (tenant_id, id, about, filed_at)
SELECT tenant_id, aggregate_id, data ->> 'about', "timestamp"
FROM acci.events
WHERE event_type = 'ComplaintFiled' AND position > %(after)s AND position <= %(upto)s
ON CONFLICT (tenant_id, id) DO UPDATE SET about = excluded.about, filed_at = excluded.filed_at;
