-- Reads a log on disk ahead into memory.

-- name: probe
-- A few events here and there.
SELECT count(version) FROM acci.events WHERE position = ANY (%(positions)s);

-- name: read
-- The range's pages of the log, and of the index on position, from their first to their last.
SELECT (SELECT count(*) FROM acci.events
        WHERE ctid >= (SELECT ctid FROM acci.events WHERE position > %(after)s ORDER BY position LIMIT 1)
          AND ctid <= (SELECT ctid FROM acci.events WHERE position <= %(upto)s ORDER BY position DESC LIMIT 1)),
       (SELECT count(*) FROM (
            SELECT FROM acci.events WHERE position > %(after)s AND position <= %(upto)s ORDER BY position OFFSET 0
        ) AS in_order);
