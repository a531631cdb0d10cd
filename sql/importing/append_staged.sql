-- Versions continue those of each stream. Positions follow the order of the lines, or of the timestamps.
WITH streams AS (
    SELECT tenant_id, aggregate_type, aggregate_id, coalesce(last.version, 0) AS version
    FROM (SELECT DISTINCT tenant_id, aggregate_type, aggregate_id FROM staged) AS named
    LEFT JOIN LATERAL (
        SELECT e.version FROM acci.events AS e
        WHERE (e.tenant_id, e.aggregate_type, e.aggregate_id)
            = (named.tenant_id, named.aggregate_type, named.aggregate_id)
        ORDER BY e.version DESC LIMIT 1
    ) AS last ON true
), placed AS (
    SELECT staged.*, CASE WHEN %(by_time)s THEN "timestamp" END AS place FROM staged
)
INSERT INTO acci.events (
    "timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
)
SELECT
    "timestamp", id,
    streams.version + row_number() OVER (
        PARTITION BY tenant_id, aggregate_type, aggregate_id ORDER BY place, line
    ),
    schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata
FROM placed JOIN streams USING (tenant_id, aggregate_type, aggregate_id)
ORDER BY place, line;
