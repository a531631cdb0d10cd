-- The duration and size of the build; recorded once, when its indexes are first complete.
INSERT INTO acci.builds (generation, partitions, positions, rows, bytes, fill_seconds, finish_seconds)
SELECT %(generation)s, count(*), max(target), sum(rows), pg_total_relation_size(to_regclass(%(table)s)),
       max(seconds), %(seconds)s
FROM acci.partitions WHERE generation = %(generation)s
HAVING count(*) > 0
ON CONFLICT (generation) DO NOTHING;
