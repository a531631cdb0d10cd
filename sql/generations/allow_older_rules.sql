SELECT set_config('acci.allow_older_rules', 'on', true);
