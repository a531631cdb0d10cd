DELETE FROM hand.user_fold WHERE tenant_id = %(tenant_id)s AND id = %(id)s;
