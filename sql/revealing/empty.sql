TRUNCATE pg_temp.revealed;
