-- The audits that were made.

-- name: record
INSERT INTO acci.audits (seconds, full_set, one_in, checks, left_out, errors, warnings, infos, run)
VALUES (%(seconds)s, %(full_set)s, %(one_in)s, %(checks)s, %(left_out)s, %(errors)s, %(warnings)s, %(infos)s,
        %(run)s);

-- name: last_full
-- The last audit that made every check on everything (sampled or not), with its age in seconds.
SELECT extract(epoch FROM clock_timestamp() - made_at)::float8, made_at, one_in, errors, warnings, infos, run
FROM acci.audits
WHERE full_set
ORDER BY audit DESC
LIMIT 1;

-- name: last_run
-- The last run that made an audit, of everything or of a part.
SELECT run FROM acci.audits WHERE run <> '' ORDER BY audit DESC LIMIT 1;
