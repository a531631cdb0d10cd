-- How many of a generation's dead letters its projection's live generation does not have.
SELECT count(*)
FROM acci.dead_letters AS d
WHERE d.generation = %(generation)s
  AND NOT EXISTS (SELECT FROM acci.dead_letters AS known
                  JOIN acci.generations AS g USING (generation)
                  WHERE g.projection = %(projection)s AND g.state = 'live' AND known.position = d.position);
