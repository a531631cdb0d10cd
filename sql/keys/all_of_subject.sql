SELECT id::text FROM acci_keys.keys WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s;
