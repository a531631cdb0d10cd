-- Longer than anybody holds a state that was folded before.
SELECT FROM acci_keys.keys
WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s AND destroyed_at > clock_timestamp() - interval '1 hour' LIMIT 1;
