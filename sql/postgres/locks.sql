-- Waiting for locks.

-- name: limit_wait
-- The session waits for no lock longer than this, unless its login or the server has a bound already.
SELECT set_config('lock_timeout', %(timeout)s, false) WHERE current_setting('lock_timeout') = '0';

-- name: limit_wait_of_transaction
SELECT set_config('lock_timeout', %(milliseconds)s || 'ms', true);

-- name: advisory
-- The session's until it ends; waited for as long as the timeout says, which holds for this transaction.
SELECT pg_advisory_lock(hashtextextended(%(purpose)s, 0))
FROM set_config('lock_timeout', %(timeout)s, true)
OFFSET 0;
