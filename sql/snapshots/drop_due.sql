DROP TABLE IF EXISTS pg_temp.due_snapshots;
