-- The session's until it ends; waited for as long as the timeout says, which holds for this transaction.
SELECT pg_advisory_lock(hashtextextended(%(purpose)s, 0))
FROM set_config('lock_timeout', %(timeout)s, true)
OFFSET 0;
