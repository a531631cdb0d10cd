INSERT INTO acci.discarded_events (projection, position, reason)
VALUES (%(projection)s, %(position)s, %(reason)s)
ON CONFLICT (projection, position) DO NOTHING;
