-- Whoever holds one is waited for as long as the session's lock_timeout says; 10 s if it says nothing.
SELECT acci.lock_streams(%(tenant_ids)s, %(aggregate_types)s, %(aggregate_ids)s, %(written)s)
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '10s'), true)
OFFSET 0;
