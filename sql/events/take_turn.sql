-- The streams' locks, as lock_streams takes them; whoever holds one too long is waited for no longer.
SELECT acci.lock_streams(%(tenant_ids)s, %(aggregate_types)s, %(aggregate_ids)s, %(written)s)
FROM set_config('lock_timeout', %(milliseconds)s, true)
OFFSET 0;
