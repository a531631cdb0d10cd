-- Who adds many events looks for their ids one after the other: two at once would not see each other's.
SELECT pg_advisory_xact_lock(hashtext('acci event ids'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5min'), true)
OFFSET 0;
