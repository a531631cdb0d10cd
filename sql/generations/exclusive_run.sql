-- One runner per projection and purpose.

-- name: acquire
-- Held by the session, so that it is released when the runner dies.
SELECT pg_try_advisory_lock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));

-- name: release
SELECT pg_advisory_unlock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));
