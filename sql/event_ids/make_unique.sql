CREATE UNIQUE INDEX CONCURRENTLY events_id_key ON acci.events (id);
