-- A few events here and there.
SELECT count(version) FROM acci.events WHERE position = ANY (%(positions)s);
