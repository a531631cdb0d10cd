-- The last audit that made every check on everything (sampled or not), with its age in seconds.
SELECT extract(epoch FROM clock_timestamp() - made_at)::float8, made_at, one_in, errors, warnings, infos, run
FROM acci.audits
WHERE full_set
ORDER BY audit DESC
LIMIT 1;
