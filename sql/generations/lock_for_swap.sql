-- Both generations of a swap, in one order whoever swaps; waits for a batch under way as long as lock_timeout says.
SELECT generation, checkpoint FROM acci.generations
WHERE generation = ANY (%(generations)s)
ORDER BY generation
FOR UPDATE;
