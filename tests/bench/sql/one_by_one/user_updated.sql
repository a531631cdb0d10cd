UPDATE hand.user_fold SET email = %(email)s, name = %(name)s, updated_at = %(at)s
WHERE tenant_id = %(tenant_id)s AND id = %(id)s;
