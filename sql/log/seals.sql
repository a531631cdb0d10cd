-- Digests chained over ranges of the log.

-- name: lock
SELECT pg_advisory_xact_lock(hashtext('acci seal'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '60s'), true)
OFFSET 0;

-- name: last
SELECT seal, upto, encode(chain, 'hex') FROM acci.seals ORDER BY seal DESC LIMIT 1;

-- name: add
-- Seal the events in (after, upto], upon the seal that ends at `after`.
INSERT INTO acci.seals (seal, after, upto, events, digest, chain, positions, marks)
SELECT coalesce(last.seal, 0) + 1, %(after)s, %(upto)s, found.events, found.digest,
       acci.seal_chain(last.chain, %(after)s, %(upto)s, found.events, found.digest), found.positions, found.marks
FROM (
    SELECT count(*) AS events, sha256(coalesce(string_agg(digest, ''::bytea ORDER BY position), '')) AS digest,
           coalesce(array_agg(position ORDER BY position), '{}') AS positions,
           coalesce(array_agg(acci.event_mark(digest) ORDER BY position), '{}') AS marks
    FROM (SELECT position, acci.event_digest(e) AS digest FROM acci.events AS e
          WHERE position > %(after)s AND position <= %(upto)s) AS each
) AS found
LEFT JOIN (SELECT seal, chain FROM acci.seals ORDER BY seal DESC LIMIT 1) AS last ON true
RETURNING seal, events, encode(chain, 'hex');
