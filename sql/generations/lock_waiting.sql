-- The batch's lock, waited for as long as lock_timeout says: a batch under way ends soon.
SELECT checkpoint FROM acci.generations
WHERE generation = %(generation)s AND state = %(state)s
FOR UPDATE;
