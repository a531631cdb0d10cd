DELETE FROM acci.partitions WHERE generation = %(generation)s;
