-- What a rebuild would cost.

-- name: events_by_type
-- The events that a build reads, by type.
SELECT event_type, count(*)
FROM acci.events
WHERE event_type = ANY (%(event_types)s) AND position <= %(upto)s
GROUP BY event_type
ORDER BY count(*) DESC, event_type;

-- name: table_size
SELECT pg_total_relation_size(to_regclass(%(table)s));

-- name: past_builds
-- What past builds took: those of this projection, newest first, then those of others.
SELECT g.projection, b.partitions, b.positions, b.rows, b.bytes, b.fill_seconds, b.finish_seconds
FROM acci.builds AS b
JOIN acci.generations AS g USING (generation)
WHERE b.positions > 0
ORDER BY g.projection = %(projection)s DESC, b.generation DESC
LIMIT 20;
