-- Only the position of the last profile is carried along; the profile is looked up by it in the end.
INSERT INTO hand.user_view (tenant_id, id, email, name, status, created_at, updated_at)
SELECT folded.tenant_id, folded.id, data ->> 'email', data ->> 'name', status, created_at, updated_at
FROM (
    SELECT tenant_id, aggregate_id AS id,
           max(position) FILTER (WHERE event_type IN ('UserCreated', 'UserUpdated')) AS profile,
           CASE WHEN max(position) FILTER (WHERE event_type = 'UserDeactivated')
                     > max(position) FILTER (WHERE event_type IN ('UserCreated', 'UserReactivated'))
                THEN 'inactive' ELSE 'active' END AS status,
           max("timestamp") FILTER (WHERE event_type = 'UserCreated') AS created_at,
           max("timestamp") AS updated_at
    FROM acci.events
    WHERE aggregate_type = 'User'
    GROUP BY tenant_id, aggregate_id
    HAVING NOT bool_or(event_type = 'UserDeleted')
) AS folded
JOIN acci.events ON position = profile;
