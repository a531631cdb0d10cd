-- Findings that were seen to be gone long ago. What is open stays, however old.
DELETE FROM acci.findings WHERE resolved_at < clock_timestamp() - make_interval(days => %(days)s);
