-- Something happened after the event that ends a stream.
-- severity: error
-- place: tenant_id, aggregate_type, aggregate_id
WITH streams AS MATERIALIZED (
    SELECT tenant_id, aggregate_type, aggregate_id, max(version) AS latest,
           min(version) FILTER (WHERE %(terminal)s::jsonb -> aggregate_type ? event_type) AS ended
    FROM audited_events
    WHERE %(terminal)s::jsonb ? aggregate_type
    GROUP BY tenant_id, aggregate_type, aggregate_id
)
SELECT tenant_id, aggregate_type, aggregate_id,
       format('%%s (version %%s) came after the stream had ended with version %%s.', late.first, late.version, ended)
           AS problem,
       late.events, late.position
FROM streams
CROSS JOIN LATERAL (
    SELECT (array_agg(e.event_type ORDER BY e.version))[1] AS first, min(e.version) AS version, count(*) AS events,
           min(e.position) AS position
    FROM audited_events AS e
    WHERE e.tenant_id = streams.tenant_id AND e.aggregate_type = streams.aggregate_type
      AND e.aggregate_id = streams.aggregate_id AND e.version > streams.ended
) AS late
WHERE latest > ended;
