-- Positions are drawn in the order of recording but for what overlaps, hence the minute. Read from the end.
SELECT position FROM acci.events
WHERE recorded_at < %(moment)s::timestamptz - interval '1 minute'
ORDER BY position DESC LIMIT 1;
