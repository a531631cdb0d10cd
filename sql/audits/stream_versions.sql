-- A stream's versions do not run from 1 without a gap, in the order of their positions.
-- severity: error
-- place: tenant_id, aggregate_type, aggregate_id
SELECT tenant_id, aggregate_type, aggregate_id,
       CASE WHEN first <> 1 THEN format('The stream begins with version %%s, not 1.', first)
            WHEN gap IS NOT NULL THEN format('Version %%s of the stream is missing.', gap)
            ELSE format('Version %%s of the stream lies before the one that it follows.', disorder) END AS problem,
       count AS events, last AS last_version, coalesce(gap_position, disorder_position) AS position
FROM (
    SELECT tenant_id, aggregate_type, aggregate_id, count(*) AS count, min(version) AS first, max(version) AS last,
           min(before + 1) FILTER (WHERE version <> before + 1) AS gap,
           min(position) FILTER (WHERE version <> before + 1) AS gap_position,
           min(version) FILTER (WHERE position < position_before) AS disorder,
           min(position) FILTER (WHERE position < position_before) AS disorder_position
    FROM (
        SELECT tenant_id, aggregate_type, aggregate_id, version, position,
               lag(version) OVER stream AS before, lag(position) OVER stream AS position_before
        FROM audited_events
        WINDOW stream AS (PARTITION BY tenant_id, aggregate_type, aggregate_id ORDER BY version)
    ) AS each
    GROUP BY tenant_id, aggregate_type, aggregate_id
) AS streams
WHERE first <> 1 OR gap IS NOT NULL OR disorder IS NOT NULL;
