ANALYZE pg_temp.revealed;
