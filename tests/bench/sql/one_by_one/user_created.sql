INSERT INTO hand.user_fold (tenant_id, id, email, name, status, created_at, updated_at)
VALUES (%(tenant_id)s, %(id)s, %(email)s, %(name)s, 'active', %(at)s, %(at)s)
ON CONFLICT (tenant_id, id) DO UPDATE SET
    email = excluded.email, name = excluded.name, status = excluded.status, created_at = excluded.created_at,
    updated_at = excluded.updated_at;
