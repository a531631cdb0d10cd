-- Whether a crash of the server leaves the table as it is.
SELECT relpersistence = 'p' FROM pg_catalog.pg_class WHERE oid = to_regclass(%(table)s);
