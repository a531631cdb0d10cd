-- What past builds took: those of this projection, newest first, then those of others.
SELECT g.projection, b.partitions, b.positions, b.rows, b.bytes, b.fill_seconds, b.finish_seconds
FROM acci.builds AS b
JOIN acci.generations AS g USING (generation)
WHERE b.positions > 0
ORDER BY g.projection = %(projection)s DESC, b.generation DESC
LIMIT 20;
