-- PostgreSQL writes definitions the same way, independent of the session's settings.
SELECT set_config('search_path', 'pg_catalog', true), set_config('TimeZone', 'UTC', true),
       set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'postgres', true),
       set_config('quote_all_identifiers', 'off', true), set_config('extra_float_digits', '1', true),
       set_config('bytea_output', 'hex', true), set_config('standard_conforming_strings', 'on', true);
