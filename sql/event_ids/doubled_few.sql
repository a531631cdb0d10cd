-- An id of these that more than one event has.
SELECT id FROM acci.events_of_ids(%(ids)s) GROUP BY id HAVING count(*) > 1 LIMIT 1;
