-- Never lowered, unless it is beyond the last position drawn: then the log was restored from an older backup. The
-- function is asked again when the row was changed meanwhile; a subquery would not be.
UPDATE acci.high_water SET position = %(position)s, established_at = clock_timestamp()
WHERE position < %(position)s OR position > coalesce(pg_sequence_last_value('acci.events_position_seq'), 0);
