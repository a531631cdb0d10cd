-- The first value that is not NULL, in the order in which rows come: a fold reads the newest event first.
-- Since PostgreSQL 16 its transition is the server's own; before, a function that returns the state as it is.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        CREATE AGGREGATE acci.first(anyelement) (SFUNC = pg_catalog.any_value_transfn, STYPE = anyelement);
    ELSE
        CREATE FUNCTION acci.kept(anyelement, anyelement) RETURNS anyelement
            LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1';
        CREATE AGGREGATE acci.first(anyelement) (SFUNC = acci.kept, STYPE = anyelement);
    END IF;
END
$$;

-- Which pages may hold events of a type, four at a time: 0.8 MB for 1 M events where a B-tree has 39, and an append
-- does not feel it. What few events concern finds them without reading the others.
CREATE INDEX events_by_type ON acci.events
    USING brin (event_type text_bloom_ops (n_distinct_per_range = 32)) WITH (pages_per_range = 4);
