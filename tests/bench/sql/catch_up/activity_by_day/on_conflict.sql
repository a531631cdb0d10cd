INSERT INTO hand.activity_by_day AS stored (tenant_id, day, events, created, deleted, last_at)
SELECT tenant_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
       count(*) FILTER (WHERE event_type = 'UserCreated') AS created,
       count(*) FILTER (WHERE event_type = 'UserDeleted') AS deleted, max("timestamp") AS last_at
FROM acci.events
WHERE aggregate_type = 'User' AND position > %(after)s AND position <= %(upto)s
GROUP BY 1, 2
ON CONFLICT (tenant_id, day) DO UPDATE SET
    events = stored.events + excluded.events, created = stored.created + excluded.created,
    deleted = stored.deleted + excluded.deleted, last_at = greatest(stored.last_at, excluded.last_at);
