UPDATE hand.user_fold SET status = 'inactive', updated_at = %(at)s WHERE tenant_id = %(tenant_id)s AND id = %(id)s;
