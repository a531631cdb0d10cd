-- Whether joins with the log may go row by row: of ids without statistics the planner expects few, and would read the
-- whole log for each.
SELECT set_config('enable_nestloop', %(row_by_row)s, true);
