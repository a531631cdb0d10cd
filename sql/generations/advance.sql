UPDATE acci.generations SET checkpoint = %(checkpoint)s, advanced_at = clock_timestamp()
WHERE generation = %(generation)s;
