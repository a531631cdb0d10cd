-- An event's metadata disagrees with its columns, or lacks what every append stores.
-- severity: error
-- place: position
SELECT position,
       CASE WHEN metadata ->> 'tenant_id' IS DISTINCT FROM tenant_id
            THEN format('Its metadata names the tenant %%s, its column %%s.', metadata ->> 'tenant_id', tenant_id)
            WHEN metadata ->> 'correlation_id' IS NULL THEN 'Its metadata has no correlation_id.'
            WHEN jsonb_typeof(data) <> 'object' THEN 'Its payload is no object.'
            ELSE 'Its stream has an empty name.' END AS problem,
       tenant_id, aggregate_type, aggregate_id, version, event_type
FROM audited_events
WHERE metadata ->> 'tenant_id' IS DISTINCT FROM tenant_id OR metadata ->> 'correlation_id' IS NULL
   OR jsonb_typeof(data) <> 'object' OR '' IN (tenant_id, aggregate_type, aggregate_id, event_type);
