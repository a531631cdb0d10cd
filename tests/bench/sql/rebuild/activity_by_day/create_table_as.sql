-- The same, as PostgreSQL runs it in parallel.
CREATE TABLE hand.activity_by_day WITH (fillfactor = 50) AS
SELECT tenant_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
       count(*) FILTER (WHERE event_type = 'UserCreated') AS created,
       count(*) FILTER (WHERE event_type = 'UserDeleted') AS deleted,
       max("timestamp") AS last_at
FROM acci.events
WHERE aggregate_type = 'User'
GROUP BY 1, 2;
