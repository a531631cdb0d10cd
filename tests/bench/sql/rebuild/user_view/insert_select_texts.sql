-- Last values as the greatest of position and value, each by itself.
INSERT INTO hand.user_view (tenant_id, id, email, name, status, created_at, updated_at)
SELECT tenant_id, aggregate_id,
       substr(max(((1000000000000000000 + position)::text || (data ->> 'email')) COLLATE "C")
                  FILTER (WHERE event_type IN ('UserCreated', 'UserUpdated')), 20),
       substr(max(((1000000000000000000 + position)::text || (data ->> 'name')) COLLATE "C")
                  FILTER (WHERE event_type IN ('UserCreated', 'UserUpdated')), 20),
       CASE WHEN max(position) FILTER (WHERE event_type = 'UserDeactivated')
                 > max(position) FILTER (WHERE event_type IN ('UserCreated', 'UserReactivated'))
            THEN 'inactive' ELSE 'active' END,
       max("timestamp") FILTER (WHERE event_type = 'UserCreated'),
       max("timestamp")
FROM acci.events
WHERE aggregate_type = 'User'
GROUP BY tenant_id, aggregate_id
HAVING NOT bool_or(event_type = 'UserDeleted');
