-- The same, as PostgreSQL runs it in parallel.
CREATE TABLE hand.user_view WITH (fillfactor = 70) AS
SELECT tenant_id, id, profile[2] AS email, profile[3] AS name, status, created_at, updated_at
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
    WHERE aggregate_type = 'User'
    GROUP BY tenant_id, aggregate_id
    HAVING NOT bool_or(event_type = 'UserDeleted')
) AS folded;
