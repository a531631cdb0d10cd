UPDATE acci.partitions
SET checkpoint = %(checkpoint)s, rows = rows + %(rows)s, seconds = seconds + %(seconds)s
WHERE generation = %(generation)s AND partition = %(partition)s;
