INSERT INTO acci.parked_keys (generation, key, position)
VALUES (%(generation)s, %(key)s, %(position)s)
ON CONFLICT (generation, key) DO NOTHING;
