-- The shares of the keys in which a generation is filled.

-- name: add
INSERT INTO acci.partitions (generation, partition, partitions, target)
VALUES (%(generation)s, %(partition)s, %(partitions)s, %(target)s);

-- name: list
SELECT generation, partition, partitions, checkpoint, target FROM acci.partitions
WHERE generation = %(generation)s
ORDER BY partition;

-- name: lock
SELECT checkpoint, target FROM acci.partitions
WHERE generation = %(generation)s AND partition = %(partition)s
FOR UPDATE SKIP LOCKED;

-- name: advance
UPDATE acci.partitions
SET checkpoint = %(checkpoint)s, rows = rows + %(rows)s, seconds = seconds + %(seconds)s
WHERE generation = %(generation)s AND partition = %(partition)s;

-- name: remove
DELETE FROM acci.partitions WHERE generation = %(generation)s;
