INSERT INTO acci.backfills (projection, generation, selection)
VALUES (%(projection)s, %(generation)s, %(selection)s)
RETURNING backfill;
