-- The sessions with any lock on a table in this schema, or on the named one: DROP and CREATE OR REPLACE wait for them.
SELECT coalesce(s.usename, 'somebody') AS who, s.application_name, l.pid, NULL AS gid, s.state,
       extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS seconds
FROM (
    SELECT DISTINCT l.pid FROM pg_catalog.pg_locks AS l
    JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
    WHERE l.granted AND l.locktype = 'relation' AND c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND c.relname = coalesce(%(name)s::text, c.relname::text) AND l.pid <> %(pid)s
) AS l
JOIN acci.sessions() AS s ON s.pid = l.pid
ORDER BY seconds DESC NULLS LAST
LIMIT 3;
