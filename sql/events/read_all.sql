-- A page of all events in (after, up_to], of these types and that tenant if they are given.
SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
       event_type, data::text, metadata::text
FROM acci.events
WHERE position > %(after)s AND position <= %(up_to)s
  AND (%(event_types)s::text[] IS NULL OR event_type = ANY (%(event_types)s::text[]))
  AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s::text)
ORDER BY position
LIMIT %(page)s;
