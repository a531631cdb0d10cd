-- The batch's lock: nobody else applies events to this generation, or swaps it, until this transaction ends.
SELECT checkpoint FROM acci.generations
WHERE generation = %(generation)s AND state = %(state)s
FOR UPDATE SKIP LOCKED;
