-- The chosen keys and the positions of their events, in order.
SELECT t.key, t.position FROM pg_temp.touches AS t JOIN pg_temp.touched USING (key) ORDER BY t.position;
