SELECT shape FROM acci.generations WHERE generation = %(generation)s;
