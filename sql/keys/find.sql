SELECT id, key FROM acci_keys.keys WHERE id = ANY (%(ids)s);
