-- How many events PostgreSQL expects of these types.
EXPLAIN (FORMAT JSON) SELECT FROM acci.events WHERE event_type = ANY (%(event_types)s);
