-- Counts on, at most so many positions; nothing if somebody else is counting now. Everything up to `upto` is final and
-- was so before this statement began. Gives the position reached.
WITH turn AS (
    SELECT position AS after, least(%(upto)s, position + %(stride)s) AS upto
    FROM acci.counted WHERE position < %(upto)s FOR UPDATE SKIP LOCKED
), found AS (
    SELECT event_type, count(*) AS events FROM turn
    JOIN acci.events ON position > turn.after AND position <= turn.upto
    GROUP BY event_type
), kept AS (
    INSERT INTO acci.event_counts AS known (event_type, events) SELECT event_type, events FROM found
    ON CONFLICT (event_type) DO UPDATE SET events = known.events + excluded.events
)
UPDATE acci.counted SET position = turn.upto FROM turn RETURNING position;
