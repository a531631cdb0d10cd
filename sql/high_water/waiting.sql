-- The mark as last established, the last position drawn, and seconds that the first event above the mark has waited.
-- Nothing is changed.
SELECT m.position, h.head, m.established_at, acci.appending(),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
        FROM acci.events WHERE position > m.position ORDER BY position LIMIT 1)
FROM acci.high_water AS m
CROSS JOIN LATERAL (SELECT coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) AS head) AS h;
