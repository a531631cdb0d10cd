-- The session waits for no lock longer than this, unless its login or the server has a bound already.
SELECT set_config('lock_timeout', %(timeout)s, false) WHERE current_setting('lock_timeout') = '0';
