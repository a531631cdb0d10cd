-- Something happened after the event that ends a stream.
-- severity: error
-- place: tenant_id, aggregate_type, aggregate_id
WITH ended AS MATERIALIZED (
    SELECT tenant_id, aggregate_type, aggregate_id, min(version) AS version
    FROM audited_events
    WHERE %(terminal)s::jsonb -> aggregate_type ? event_type
    GROUP BY tenant_id, aggregate_type, aggregate_id
)
SELECT tenant_id, aggregate_type, aggregate_id,
       format('%%s (version %%s) came after the stream had ended with version %%s.',
              (array_agg(e.event_type ORDER BY e.version))[1], min(e.version), min(ended.version)) AS problem,
       count(*) AS events, min(e.position) AS position
FROM ended
JOIN audited_events AS e USING (tenant_id, aggregate_type, aggregate_id)
WHERE e.version > ended.version
GROUP BY tenant_id, aggregate_type, aggregate_id;
