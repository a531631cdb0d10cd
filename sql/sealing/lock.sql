SELECT pg_advisory_xact_lock(hashtext('acci seal'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '60s'), true)
OFFSET 0;
