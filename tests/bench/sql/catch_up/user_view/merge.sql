MERGE INTO hand.user_view AS stored
USING (
    SELECT tenant_id, id, profile[2] AS email, profile[3] AS name, status, created_at, updated_at, gone
    FROM (
        SELECT tenant_id, aggregate_id AS id,
               max(ARRAY[(1000000000000000000 + position)::text, data ->> 'email', data ->> 'name'] COLLATE "C")
                   FILTER (WHERE event_type IN ('UserCreated', 'UserUpdated')) AS profile,
               CASE WHEN coalesce(max(position) FILTER (WHERE event_type = 'UserDeactivated'), 0)
                         > coalesce(max(position) FILTER (WHERE event_type IN ('UserCreated', 'UserReactivated')), 0)
                    THEN 'inactive'
                    WHEN bool_or(event_type IN ('UserCreated', 'UserReactivated')) THEN 'active' END AS status,
               max("timestamp") FILTER (WHERE event_type = 'UserCreated') AS created_at,
               max("timestamp") AS updated_at,
               bool_or(event_type = 'UserDeleted') AS gone
        FROM acci.events
        WHERE aggregate_type = 'User' AND position > %(after)s AND position <= %(upto)s
        GROUP BY tenant_id, aggregate_id
    ) AS summed
) AS folded
ON stored.tenant_id = folded.tenant_id AND stored.id = folded.id
WHEN MATCHED AND gone THEN DELETE
WHEN MATCHED THEN UPDATE SET
    email = coalesce(folded.email, stored.email), name = coalesce(folded.name, stored.name),
    status = coalesce(folded.status, stored.status), updated_at = folded.updated_at
WHEN NOT MATCHED AND NOT gone THEN INSERT (tenant_id, id, email, name, status, created_at, updated_at)
    VALUES (folded.tenant_id, folded.id, folded.email, folded.name, folded.status, folded.created_at, folded.updated_at);
