UPDATE acci_keys.keys SET key = NULL, destroyed_at = clock_timestamp()
WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s AND key IS NOT NULL;
