-- A page of one stream, from a version on.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT position, "timestamp", recorded_at, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
           event_type, data::text, metadata::text
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
      AND version BETWEEN %(from_version)s AND least(%(to_version)s::bigint, 2147483647)
      AND "timestamp" <= coalesce(%(as_of)s::timestamptz, 'infinity')
    ORDER BY version
    LIMIT %(page)s
) AS found;
