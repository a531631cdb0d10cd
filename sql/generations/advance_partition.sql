UPDATE acci.partitions SET checkpoint = %(checkpoint)s
WHERE generation = %(generation)s AND partition = %(partition)s;
