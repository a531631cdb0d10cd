-- One runner a projection and purpose: held by the session, so that it goes when the runner dies.
SELECT pg_try_advisory_lock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));
