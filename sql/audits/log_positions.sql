-- The log holds positions that were never drawn, or the high-water mark lies beyond them: a restore went wrong.
-- severity: error
-- place: what
SELECT what, format('%%s is at %%s, and positions were drawn from 1 to %%s.', what, position, head) AS problem, position
FROM (
    SELECT 'the first event' AS what, min(position) AS position FROM acci.events
    UNION ALL
    SELECT 'the last event', max(position) FROM acci.events
    UNION ALL
    SELECT 'the high-water mark', position FROM acci.high_water WHERE position > 0
) AS found
CROSS JOIN (SELECT coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) AS head) AS drawn
WHERE position NOT BETWEEN 1 AND head;
