-- A short wait: while it lasts, readers queue behind us.
SELECT set_config('lock_timeout', %(milliseconds)s || 'ms', true);
