DROP TABLE pg_temp.acci_gathered;
