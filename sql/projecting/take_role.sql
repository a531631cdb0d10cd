-- What is made belongs to who projects, whoever makes it: a table's owner is whom its policies do not concern.
SELECT current_setting('role') AS before, set_config('role', 'acci_project', true);
