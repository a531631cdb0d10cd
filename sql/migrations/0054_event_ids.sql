-- Event ids are found without a B-tree, which would cost every append: a filter per 64 pages, of 2 MB a million events.
CREATE INDEX events_by_id ON acci.events
    USING brin (id uuid_bloom_ops (n_distinct_per_range = 1600, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);

-- The events that have one of a few ids. The planner takes such an index for useless in a log of random ids.
CREATE FUNCTION acci.events_of_ids(ids uuid[]) RETURNS SETOF acci.events LANGUAGE sql STABLE
SET enable_seqscan = off SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM acci.events WHERE id = ANY (ids);
END;

ALTER TABLE acci.imports ADD COLUMN known bigint NOT NULL DEFAULT 0;  -- events that were in the log already: passed over
