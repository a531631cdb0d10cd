-- The last position drawn.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM acci.events_position_seq;
