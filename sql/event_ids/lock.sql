-- Who adds many events looks for their ids one after the other: two at once would not see each other's.
SELECT pg_advisory_xact_lock(hashtext('acci event ids'));
