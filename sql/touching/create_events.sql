CREATE TEMPORARY TABLE touches (key text[] NOT NULL, position bigint NOT NULL) ON COMMIT DROP;
