SELECT count(*) FROM acci.dead_letters WHERE generation = %(generation)s;
