-- Keys parked in generations that are dropped.
DELETE FROM acci.parked_keys AS p USING acci.generations AS g
WHERE g.generation = p.generation AND g.state = 'dropped';
