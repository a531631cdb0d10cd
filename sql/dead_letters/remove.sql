DELETE FROM acci.dead_letters WHERE generation = %(generation)s AND position = %(position)s;
