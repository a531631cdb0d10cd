SELECT pg_advisory_unlock(hashtext('acci ' || %(purpose)s), hashtext(%(projection)s));
