-- The position of the first event above %(after)s; nothing if there is none.
SELECT position FROM acci.events WHERE position > %(after)s ORDER BY position LIMIT 1;
