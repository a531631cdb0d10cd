-- What PostgreSQL itself keeps of rows that are gone: their versions, and values among its statistics.
VACUUM (ANALYZE) {table};
