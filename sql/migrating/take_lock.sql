-- Those that migrate wait for each other, and for those that use the tables, but not for ever.
SELECT pg_advisory_xact_lock(hashtext('acci migrate'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '10min'), true)
OFFSET 0;
