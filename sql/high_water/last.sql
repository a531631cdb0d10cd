-- A mark beyond the log's end speaks of a log that is no longer this one: then nothing is known.
SELECT CASE WHEN position <= greatest(pg_sequence_last_value('acci.events_position_seq'), acci.log_end())
            THEN position ELSE 0 END
FROM acci.high_water;
