-- Whether these columns of a table are sorted as the log's names are.
SELECT bool_and(attcollation = (SELECT attcollation FROM pg_catalog.pg_attribute
                                WHERE attrelid = 'acci.events'::regclass AND attname = 'aggregate_id'))
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attname = ANY (%(columns)s);
