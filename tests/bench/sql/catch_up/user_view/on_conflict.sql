WITH folded AS MATERIALIZED (
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
), deleted AS (
    DELETE FROM hand.user_view AS stored USING folded
    WHERE gone AND stored.tenant_id = folded.tenant_id AND stored.id = folded.id
), updated AS (
    UPDATE hand.user_view AS stored SET
        email = coalesce(folded.email, stored.email), name = coalesce(folded.name, stored.name),
        status = coalesce(folded.status, stored.status), updated_at = folded.updated_at
    FROM folded
    WHERE NOT gone AND folded.created_at IS NULL AND stored.tenant_id = folded.tenant_id AND stored.id = folded.id
)
INSERT INTO hand.user_view (tenant_id, id, email, name, status, created_at, updated_at)
SELECT tenant_id, id, email, name, status, created_at, updated_at
FROM folded
WHERE NOT gone AND created_at IS NOT NULL
ON CONFLICT (tenant_id, id) DO UPDATE SET
    email = excluded.email, name = excluded.name, status = excluded.status, created_at = excluded.created_at,
    updated_at = excluded.updated_at;
