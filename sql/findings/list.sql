-- Findings, the open ones first; all of them if `resolved` ones are wanted too.
SELECT finding, check_name, projection, place, severity, problem, details, first_seen, last_seen, resolved_at
FROM acci.findings
WHERE (%(resolved)s OR resolved_at IS NULL)
  AND (%(check)s::text IS NULL OR check_name = %(check)s)
  AND (%(projection)s::text IS NULL OR projection = %(projection)s)
ORDER BY resolved_at DESC NULLS FIRST, array_position(ARRAY['error', 'warning', 'info'], severity),
         check_name, projection, finding
LIMIT %(limit)s;
