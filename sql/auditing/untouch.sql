DELETE FROM pg_temp.touched WHERE key = %(key)s::text[];
