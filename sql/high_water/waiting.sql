-- The mark as last established, the log's end, and seconds that the first event above the mark has waited. The end is
-- the last position drawn; of a standby, and where the sequence is behind, the last stored. Nothing is changed.
SELECT m.position, h.head, m.established_at, acci.appending(),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
        FROM acci.events WHERE position > m.position ORDER BY position LIMIT 1),
       pg_is_in_recovery() AS standby
FROM acci.high_water AS m
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_is_in_recovery() THEN acci.log_end()
                ELSE greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq')) END AS head
) AS h;
