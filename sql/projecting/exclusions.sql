-- What the statements of a generation must leave out: parked keys, and the positions to skip (discarded events, and
-- dead letters whose key cannot be read). A discard counts only while the event at its position is still the same.
SELECT EXISTS (SELECT FROM acci.parked_keys WHERE generation = %(generation)s),
       ARRAY(SELECT d.position FROM acci.discarded_events AS d
             JOIN acci.events AS e ON e.position = d.position
             WHERE d.projection = %(projection)s
               AND CASE WHEN d.event_digest IS NOT NULL THEN d.event_digest = acci.event_digest(e) ELSE false END
             UNION
             SELECT position FROM acci.dead_letters WHERE generation = %(generation)s AND keys = '[]');
