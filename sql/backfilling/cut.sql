-- The chosen keys in chunks, in an order that keeps a tenant's together.
INSERT INTO acci.backfill_chunks (backfill, chunk, size, keys)
SELECT %(backfill)s, chunk, count(*), jsonb_agg(to_jsonb(key))
FROM (SELECT key, (row_number() OVER (ORDER BY key) - 1) / %(size)s AS chunk FROM pg_temp.touched) AS numbered
GROUP BY chunk;
