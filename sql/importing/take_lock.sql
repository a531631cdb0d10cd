SELECT pg_try_advisory_lock(hashtextextended('acci import ' || encode(%(content)s, 'hex'), 0));
