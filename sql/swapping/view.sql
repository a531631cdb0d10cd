CREATE OR REPLACE VIEW {view} AS
SELECT {columns} FROM {table}
WHERE acci.is_live((SELECT state FROM acci.generations WHERE generation = {generation}));
