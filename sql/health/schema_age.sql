-- Seconds since the first migration was applied.
SELECT extract(epoch FROM clock_timestamp() - min(applied_at))::float8 FROM acci_migrations.applied;
