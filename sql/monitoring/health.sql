-- What the health checks read.

-- name: limit_time
SELECT set_config('statement_timeout', %(timeout)s, true);

-- name: schema_age
-- Seconds since the first migration was applied.
SELECT extract(epoch FROM clock_timestamp() - min(applied_at))::float8 FROM acci_migrations.applied;

-- name: last_event
-- Seconds since the last event was recorded; nothing if there is none.
SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events ORDER BY position DESC LIMIT 1;

-- name: sequence
-- The lowest position that may be drawn next (read first), and the last position drawn. No row on a standby.
SELECT passed.position, coalesce(pg_sequence_last_value('acci.events_position_seq'), 0)
FROM (SELECT acci.passed() AS position OFFSET 0) AS passed
WHERE NOT pg_is_in_recovery();

-- name: read_models
-- Live read models, each with whether its view shows that generation's table.
SELECT g.projection, EXISTS (
    SELECT FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = to_regclass(format('read.%%I', g.projection))
      AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = to_regclass(format('%%I.%%I', 'generation_' || g.generation, g.projection))
)
FROM acci.generations AS g
WHERE g.state = 'live' AND g.projection = ANY (%(names)s)
ORDER BY g.projection;
