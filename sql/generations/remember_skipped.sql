UPDATE acci.generations SET skipped = %(skipped)s WHERE generation = %(generation)s;
