UPDATE acci.generations SET checkpoint = 0 WHERE generation = %(generation)s;
