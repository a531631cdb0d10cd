SELECT position, event_type, keys, error FROM acci.dead_letters WHERE generation = %(generation)s ORDER BY position;
