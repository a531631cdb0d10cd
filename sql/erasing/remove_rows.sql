DELETE FROM {table} AS t WHERE ARRAY[{key}] IN (SELECT * FROM jsonb_to_recordset(%(keys)s) AS k (key text[]));
