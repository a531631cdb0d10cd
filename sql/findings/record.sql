-- What was found now: new findings, or known ones seen again. Gives what was new.
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
