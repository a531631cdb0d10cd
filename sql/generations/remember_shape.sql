UPDATE acci.generations SET shape = %(shape)s WHERE generation = %(generation)s;
