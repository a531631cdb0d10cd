-- How much there is to read, as PostgreSQL's statistics say.

-- name: events
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'acci.events'::regclass;

-- name: events_of_types
-- How many events PostgreSQL expects of these types.
EXPLAIN (FORMAT JSON) SELECT FROM acci.events WHERE event_type = ANY (%(event_types)s);

-- name: table_size
SELECT pg_relation_size(to_regclass(%(table)s));
