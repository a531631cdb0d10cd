-- The open findings, counted.
SELECT severity, coalesce(projection, ''), count(*) FROM acci.findings
WHERE resolved_at IS NULL
GROUP BY 1, 2
ORDER BY 1, 2;
