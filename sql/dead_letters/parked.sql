SELECT key FROM acci.parked_keys WHERE generation = %(generation)s ORDER BY key;
