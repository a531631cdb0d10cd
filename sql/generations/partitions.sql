SELECT generation, partition, partitions, checkpoint, target FROM acci.partitions
WHERE generation = %(generation)s
ORDER BY partition;
