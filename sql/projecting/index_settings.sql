SELECT set_config('maintenance_work_mem', %(maintenance_work_mem)s, true),
       set_config('enable_sort', 'on', true);
