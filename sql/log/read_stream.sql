-- A page of one stream, from a version on; as of a point in time, up to the first event that happened later.
SELECT found.*
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    WITH later AS (
        {log/streams:first_later}
    )
    SELECT {log/events:columns}
    FROM acci.events
    WHERE tenant_id = within.tenant_id AND aggregate_type = %(aggregate_type)s AND aggregate_id = %(aggregate_id)s
      AND version BETWEEN %(from_version)s AND least(%(to_version)s::bigint, 2147483647)
      AND version < coalesce((SELECT version FROM later), 2147483648)
    ORDER BY version
    LIMIT %(page)s
) AS found;
