-- Where no new mark can be established, the head is what is stored: of a standby's sequence nothing can be said.
SELECT candidate, holders, pg_is_in_recovery() AS standby,
       CASE WHEN holders IS NULL THEN acci.log_end() ELSE candidate END AS head
FROM acci.high_water_candidate();
