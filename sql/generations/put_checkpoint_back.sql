UPDATE acci.generations SET checkpoint = kept_at WHERE generation = %(generation)s AND state = 'kept';
