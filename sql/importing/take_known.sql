-- Removes the staged lines whose event's id is in the log or in an earlier line; returns the first of them, those to be
-- reported before those to be skipped, and counts them. An event is the same if stream, type, time and payload are equal;
-- payloads of another schema version, or with personal data, cannot be compared.
WITH earlier AS (
    SELECT line, first_value(line) OVER same_id AS first FROM staged WINDOW same_id AS (PARTITION BY id ORDER BY line)
), known AS (
    SELECT given.line, there.position, NULL::bigint AS first, there.tenant_id, there.aggregate_type,
           there.aggregate_id, coalesce(%(renamed)s::jsonb ->> there.event_type, there.event_type) AS event_type,
           there."timestamp", there.schema_version, there.data
    FROM staged AS given JOIN {log} AS there USING (id)
    UNION ALL
    SELECT earlier.line, NULL, there.line, there.tenant_id, there.aggregate_type, there.aggregate_id, there.event_type,
           there."timestamp", there.schema_version, there.data
    FROM earlier JOIN staged AS there ON there.line = earlier.first
    WHERE earlier.line <> earlier.first
), taken AS (
    DELETE FROM staged USING (SELECT DISTINCT line FROM known) AS these WHERE staged.line = these.line
    RETURNING staged.*
)
SELECT line, id, position, first, same, count(*) FILTER (WHERE same) OVER (), count(*) OVER ()
FROM (
    SELECT taken.line, taken.id, min(known.position) AS position, min(known.first) AS first, bool_and(
        (taken.tenant_id, taken.aggregate_type, taken.aggregate_id, taken.event_type, taken."timestamp")
            = (known.tenant_id, known.aggregate_type, known.aggregate_id, known.event_type, known."timestamp")
        AND (taken.data = known.data OR taken.schema_version <> known.schema_version
             OR strpos(taken.data::text, '"acci.personal"') > 0)
    ) AS same
    FROM taken JOIN known USING (line)
    GROUP BY taken.line, taken.id
) AS reported
ORDER BY same AND %(skip)s, line
LIMIT %(limit)s;
