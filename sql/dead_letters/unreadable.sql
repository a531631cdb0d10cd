SELECT position FROM acci.dead_letters WHERE generation = %(generation)s AND keys = '[]';
