-- What the events table and each of its indexes take on disk.
SELECT 'the table' AS name, pg_table_size('acci.events') AS bytes
UNION ALL
(SELECT indexrelid::regclass::text, pg_relation_size(indexrelid)
 FROM pg_catalog.pg_index WHERE indrelid = 'acci.events'::regclass ORDER BY 2 DESC);
