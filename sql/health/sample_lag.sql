INSERT INTO acci.lag_samples (projection, events, seconds) VALUES (%(projection)s, %(events)s, %(seconds)s);
