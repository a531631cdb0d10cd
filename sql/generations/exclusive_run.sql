-- One runner a projection and purpose.

-- name: acquire
-- One runner a projection and purpose: held by the session, so that it goes when the runner dies.
SELECT pg_try_advisory_lock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));

-- name: release
SELECT pg_advisory_unlock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));
