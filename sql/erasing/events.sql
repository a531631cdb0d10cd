-- A person's events of one type: those of the aggregate of that id, or those that name the person in `field`.
SELECT position, id, aggregate_type, aggregate_id, data::text
FROM acci.events
WHERE tenant_id = %(tenant_id)s AND event_type = %(event_type)s
  AND CASE WHEN %(field)s::text IS NULL THEN aggregate_id ELSE data ->> %(field)s::text END = %(subject)s;
