SELECT (SELECT count(*) FROM ({expected} EXCEPT ALL SELECT {columns} FROM {table}) AS missing)
     + (SELECT count(*) FROM (SELECT {columns} FROM {table} EXCEPT ALL {expected}) AS extra);
