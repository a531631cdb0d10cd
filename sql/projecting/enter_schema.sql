SELECT current_setting('search_path') AS before, set_config('search_path', quote_ident(%(schema)s) || ', public', true);
