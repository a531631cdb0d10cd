-- Dead letters of generations that are dropped: nobody can retry them. Those of live and kept ones stay.
DELETE FROM acci.dead_letters AS d USING acci.generations AS g
WHERE g.generation = d.generation AND g.state = 'dropped';
