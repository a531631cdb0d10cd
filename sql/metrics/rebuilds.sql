-- The generations in the making: what share of the positions their partitions have done.
SELECT g.projection, g.generation,
       coalesce(sum(p.checkpoint)::float8 / nullif(sum(p.target), 0), 1)
FROM acci.generations AS g
JOIN acci.partitions AS p USING (generation)
WHERE g.state = 'building'
GROUP BY g.projection, g.generation
ORDER BY g.projection;
