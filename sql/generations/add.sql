INSERT INTO acci.generations (projection, fingerprint, definition)
VALUES (%(projection)s, %(fingerprint)s, %(definition)s)
RETURNING generation, projection, state, fingerprint, definition, indexes, checkpoint, created_at, published_at, kept_at;
