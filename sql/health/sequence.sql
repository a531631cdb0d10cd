-- What no position may be given below, read first, and the last position drawn. No row on a standby, which gives none.
SELECT passed.position, coalesce(pg_sequence_last_value('acci.events_position_seq'), 0)
FROM (SELECT acci.passed() AS position OFFSET 0) AS passed
WHERE NOT pg_is_in_recovery();
