-- The same for half of the users: two at a time, on two connections.
INSERT INTO hand.user_view (tenant_id, id, email, name, status, created_at, updated_at)
SELECT tenant_id, id, profile[2], profile[3], status, created_at, updated_at
FROM (
    SELECT tenant_id, aggregate_id AS id,
           max(ARRAY[(1000000000000000000 + position)::text, data ->> 'email', data ->> 'name'] COLLATE "C")
               FILTER (WHERE event_type IN ('UserCreated', 'UserUpdated')) AS profile,
           CASE WHEN max(position) FILTER (WHERE event_type = 'UserDeactivated')
                     > max(position) FILTER (WHERE event_type IN ('UserCreated', 'UserReactivated'))
                THEN 'inactive' ELSE 'active' END AS status,
           max("timestamp") FILTER (WHERE event_type = 'UserCreated') AS created_at,
           max("timestamp") AS updated_at
    FROM acci.events
    WHERE aggregate_type = 'User' AND hashtext(aggregate_id) & 1 = %(half)s
    GROUP BY tenant_id, aggregate_id
    HAVING NOT bool_or(event_type = 'UserDeleted')
) AS folded;
