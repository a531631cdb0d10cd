-- An event's id is there more than once: the event was duplicated.
-- severity: error
-- place: id
SELECT id, format('The event %%s is there %%s times, at positions %%s.', id, count, positions) AS problem, positions
FROM (
    SELECT id, count(*) AS count, string_agg(position::text, ', ' ORDER BY position) AS positions
    FROM audited_events
    GROUP BY id
    HAVING count(*) > 1
) AS duplicated;
