-- Settings of a projecting transaction.

-- name: settings
-- The same results everywhere (time zone, styles), and plans for bulk work.
-- A statement ends soon after its client was killed, and with it its locks: the next run need not wait for it.
-- Grouping by sorting costs three times what hashing does here, and would lose the order of events, on which folding
-- depends; hashing keeps it, and spills to disk when it must.
SELECT set_config('client_connection_check_interval', '500', true),
       set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
       set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true),
       set_config('enable_sort', 'off', true), set_config('enable_hashagg', 'on', true),
       set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'on', true), set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('work_mem', %(work_mem)s, true);

-- name: settings_for_indexes
SELECT set_config('maintenance_work_mem', %(maintenance_work_mem)s, true),
       set_config('enable_sort', 'on', true);

-- name: check_constraints
-- Constraints that are checked at the transaction's end are checked here, where it is known which events are applied.
SET CONSTRAINTS ALL IMMEDIATE;
