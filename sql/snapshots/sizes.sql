-- How many snapshots of an aggregate there are, of how many streams, and their size in bytes, as stored.
SELECT count(*), count(DISTINCT (tenant_id, aggregate_id)), coalesce(sum(pg_column_size(s.*)), 0)::bigint
FROM acci.snapshots AS s
WHERE aggregate_type = %(aggregate_type)s;
