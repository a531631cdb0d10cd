SELECT tenant_id, id, email, name, status, created_at, updated_at
FROM read.user_view
WHERE tenant_id = %(tenant_id)s AND id = %(id)s;
