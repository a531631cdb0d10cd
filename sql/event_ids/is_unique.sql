-- Whether PostgreSQL keeps event ids apart; NULL if the index was not finished.
SELECT bool_and(indisvalid) FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('acci.events_id_key');
