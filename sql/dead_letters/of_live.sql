-- The events that live read models could not apply, and the keys that wait behind them.
SELECT g.projection,
       (SELECT count(*) FROM acci.dead_letters AS d WHERE d.generation = g.generation),
       (SELECT count(*) FROM acci.parked_keys AS p WHERE p.generation = g.generation)
FROM acci.generations AS g
WHERE g.state = 'live'
ORDER BY g.projection;
