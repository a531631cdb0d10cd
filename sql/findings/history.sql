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
