SELECT checkpoint, target FROM acci.partitions
WHERE generation = %(generation)s AND partition = %(partition)s
FOR UPDATE SKIP LOCKED;
