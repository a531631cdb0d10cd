INSERT INTO acci.partitions (generation, partition, partitions, target)
VALUES (%(generation)s, %(partition)s, %(partitions)s, %(target)s);
