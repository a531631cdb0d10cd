-- An event's metadata disagrees with its columns or lacks what every append stores, or has a timestamp that no calendar has.
-- severity: error
-- place: position
SELECT position,
       CASE WHEN "timestamp" NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
            THEN format('It happened at %%s, which no calendar has; it is read as the first or the last timestamp there is.',
                        "timestamp")
            WHEN recorded_at NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
            THEN format('It was recorded at %%s, which no calendar has; it is read as the first or the last timestamp there is.',
                        recorded_at)
            WHEN metadata ->> 'tenant_id' IS DISTINCT FROM tenant_id
            THEN format('Its metadata names the tenant %%s, its column %%s.', metadata ->> 'tenant_id', tenant_id)
            WHEN metadata ->> 'correlation_id' IS NULL THEN 'Its metadata has no correlation_id.'
            WHEN jsonb_typeof(data) <> 'object' THEN 'Its payload is no object.'
            WHEN jsonb_typeof(metadata) <> 'object' THEN 'Its metadata is no object.'
            ELSE 'Its stream has an empty name.' END AS problem,
       tenant_id, aggregate_type, aggregate_id, version, event_type
FROM audited_events
WHERE metadata ->> 'tenant_id' IS DISTINCT FROM tenant_id OR metadata ->> 'correlation_id' IS NULL
   OR jsonb_typeof(data) <> 'object' OR jsonb_typeof(metadata) <> 'object'
   OR "timestamp" NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
   OR recorded_at NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
   OR '' IN (tenant_id, aggregate_type, aggregate_id, event_type);
