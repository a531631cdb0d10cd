-- Seconds since the last event was recorded; nothing if there is none.
SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events ORDER BY position DESC LIMIT 1;
