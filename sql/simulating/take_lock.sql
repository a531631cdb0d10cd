SELECT pg_try_advisory_lock(hashtextextended('acci simulate', 0));
