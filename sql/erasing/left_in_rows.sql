-- How many rows of a read model still say any of it: of the person's keys, and of others.
SELECT count(*) FILTER (WHERE theirs), count(*) FILTER (WHERE NOT theirs)
FROM (
    SELECT ARRAY[{key}] IN (SELECT key FROM pg_temp.touched) AS theirs
    FROM {table} AS t
    WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(to_jsonb(t)::text, said) > 0)
) AS found;
