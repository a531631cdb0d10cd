UPDATE acci.generations SET indexes = %(indexes)s WHERE generation = %(generation)s;
