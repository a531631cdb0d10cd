-- The last run that made an audit, of everything or of a part.
SELECT run FROM acci.audits WHERE run <> '' ORDER BY audit DESC LIMIT 1;
