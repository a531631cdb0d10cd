MERGE INTO hand.activity_by_day AS stored
USING (
SELECT tenant_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
       count(*) FILTER (WHERE event_type = 'UserCreated') AS created,
       count(*) FILTER (WHERE event_type = 'UserDeleted') AS deleted, max("timestamp") AS last_at
FROM acci.events
WHERE aggregate_type = 'User' AND position > %(after)s AND position <= %(upto)s
GROUP BY 1, 2
) AS folded
ON stored.tenant_id = folded.tenant_id AND stored.day = folded.day
WHEN MATCHED THEN UPDATE SET
    events = stored.events + folded.events, created = stored.created + folded.created,
    deleted = stored.deleted + folded.deleted, last_at = greatest(stored.last_at, folded.last_at)
WHEN NOT MATCHED THEN INSERT (tenant_id, day, events, created, deleted, last_at)
    VALUES (folded.tenant_id, folded.day, folded.events, folded.created, folded.deleted, folded.last_at);
