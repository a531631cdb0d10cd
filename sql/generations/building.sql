SELECT generation, projection, state, fingerprint, definition, indexes, checkpoint, created_at, published_at, kept_at
FROM acci.generations
WHERE projection = %(projection)s AND state = 'building';
