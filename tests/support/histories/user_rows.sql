-- What user_view must hold, told stream by stream: what came after the last deletion.
SELECT tenant_id, aggregate_id AS id,
       (array_agg(data ->> 'email' ORDER BY version DESC) FILTER (WHERE data ? 'email'))[1] AS email,
       (array_agg(data ->> 'name' ORDER BY version DESC) FILTER (WHERE data ? 'name'))[1] AS name,
       CASE (array_agg(event_type ORDER BY version DESC) FILTER (WHERE event_type <> 'UserUpdated'))[1]
            WHEN 'UserDeactivated' THEN 'inactive' ELSE 'active' END AS status,
       min("timestamp") AS created_at, max("timestamp") AS updated_at
FROM acci.events AS e
WHERE aggregate_type = 'User'
  AND version > (SELECT coalesce(max(version), 0) FROM acci.events AS gone
                 WHERE (gone.tenant_id, gone.aggregate_type, gone.aggregate_id)
                     = (e.tenant_id, e.aggregate_type, e.aggregate_id) AND gone.event_type = 'UserDeleted')
GROUP BY tenant_id, aggregate_id
