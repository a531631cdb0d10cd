-- The log holds positions that were never drawn, or the high-water mark lies beyond them: a restore went wrong.
-- severity: error
-- place: what
SELECT what, format('%%s is at %%s, and the last position drawn is %%s.', what, position, head) AS problem, position
FROM (
    SELECT 'the last event' AS what, max(position) AS position FROM acci.events
    UNION ALL
    SELECT 'the high-water mark', position FROM acci.high_water
) AS found
CROSS JOIN (SELECT coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) AS head) AS drawn
WHERE position > head;
