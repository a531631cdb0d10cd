-- Generations left over: a build that was abandoned, a schema of a generation that is gone, a table that is not.
-- severity: warning
-- place: schema
SELECT 'generation_' || g.generation AS schema,
       format('A rebuild of %%s was left at generation %%s; run it again to go on, or let it be thrown away.',
              g.projection, g.generation) AS problem,
       g.projection, g.created_at
FROM acci.generations AS g
WHERE g.state = 'building'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
                    AND l.classid::bigint = hashtext('acci rebuild')::bigint & 4294967295
                    AND l.objid::bigint = hashtext(g.projection)::bigint & 4294967295)
UNION ALL
SELECT n.nspname, format('The schema %%s belongs to no generation that is kept.', n.nspname), g.projection, g.created_at
FROM pg_catalog.pg_namespace AS n
LEFT JOIN acci.generations AS g ON n.nspname = 'generation_' || g.generation
WHERE n.nspname ~ '^generation_[0-9]+$' AND coalesce(g.state, 'dropped') = 'dropped'
UNION ALL
SELECT 'generation_' || g.generation, format('The table of %%s, generation %%s, is gone.', g.projection, g.generation),
       g.projection, g.created_at
FROM acci.generations AS g
WHERE g.state <> 'dropped' AND to_regclass(format('%%I.%%I', 'generation_' || g.generation, g.projection)) IS NULL;
