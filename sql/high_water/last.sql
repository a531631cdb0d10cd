-- A mark beyond the last position drawn speaks of a log that is no longer this one: then nothing is known.
SELECT CASE WHEN position <= coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) THEN position ELSE 0 END
FROM acci.high_water;
