INSERT INTO hand.activity_by_day (tenant_id, day, events, created, deleted, last_at)
SELECT tenant_id, ("timestamp" AT TIME ZONE 'UTC')::date, count(*),
       count(*) FILTER (WHERE event_type = 'UserCreated'), count(*) FILTER (WHERE event_type = 'UserDeleted'),
       max("timestamp")
FROM acci.events
WHERE aggregate_type = 'User'
GROUP BY 1, 2;
