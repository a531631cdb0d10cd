SELECT pg_advisory_lock(hashtextextended(%(purpose)s, 0));
