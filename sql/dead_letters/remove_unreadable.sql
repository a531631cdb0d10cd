DELETE FROM acci.dead_letters
WHERE generation = %(generation)s AND position = ANY (%(positions)s) AND keys = '[]';
