UPDATE acci.generations SET fingerprint = %(fingerprint)s, definition = %(definition)s
WHERE generation = %(generation)s;
