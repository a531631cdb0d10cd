-- Findings of audits: what is wrong, since when, and when it was resolved.

-- name: now
SELECT clock_timestamp();

-- name: record
-- Store findings: new ones, and known ones seen again. Returns the new ones.
INSERT INTO acci.findings AS known (
    check_name, projection, place, severity, problem, details, first_seen, last_seen
)
SELECT DISTINCT ON (f.place)
       %(check)s, %(projection)s::text, f.place, f.severity, f.problem, f.details, %(now)s, %(now)s
FROM jsonb_to_recordset(%(found)s) AS f (place jsonb, severity text, problem text, details jsonb)
ON CONFLICT (check_name, coalesce(projection, ''), md5(place::text)) WHERE resolved_at IS NULL
DO UPDATE SET severity = excluded.severity, problem = excluded.problem, details = excluded.details,
              last_seen = excluded.last_seen
RETURNING known.first_seen = known.last_seen;

-- name: resolve
-- Resolve findings that were checked again and not found. `within` are the parts of places that were checked; {} means
-- all places.
UPDATE acci.findings SET resolved_at = %(now)s
WHERE resolved_at IS NULL AND check_name = %(check)s AND projection IS NOT DISTINCT FROM %(projection)s::text
  AND last_seen < %(now)s
  AND EXISTS (SELECT FROM jsonb_array_elements(%(within)s) AS part WHERE place @> part);

-- name: list
-- Findings, the open ones first; all of them if `resolved` ones are wanted too.
SELECT finding, check_name, projection, place, severity, problem, details, first_seen, last_seen, resolved_at
FROM acci.findings
WHERE (%(resolved)s OR resolved_at IS NULL)
  AND (%(check)s::text IS NULL OR check_name = %(check)s)
  AND (%(projection)s::text IS NULL OR projection = %(projection)s)
ORDER BY resolved_at DESC NULLS FIRST, array_position(ARRAY['error', 'warning', 'info'], severity),
         check_name, projection, finding
LIMIT %(limit)s;

-- name: history
-- How many findings were open at the end of each of the last days (UTC), by severity; today's as of now.
SELECT (day AT TIME ZONE 'UTC')::date,
       count(*) FILTER (WHERE severity = 'error') AS error,
       count(*) FILTER (WHERE severity = 'warning') AS warning,
       count(*) FILTER (WHERE severity = 'info') AS info
FROM generate_series(date_trunc('day', now(), 'UTC') - interval '1 hour' * 24 * (%(days)s - 1),
                     date_trunc('day', now(), 'UTC'), interval '24 hours') AS day
LEFT JOIN acci.findings ON first_seen < day + interval '24 hours'
                       AND (resolved_at IS NULL OR resolved_at >= least(day + interval '24 hours', now()))
GROUP BY day
ORDER BY day;

-- name: count
-- The open findings, counted.
SELECT severity, coalesce(projection, ''), count(*) FROM acci.findings
WHERE resolved_at IS NULL
GROUP BY 1, 2
ORDER BY 1, 2;
