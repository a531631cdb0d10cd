-- The chain of seals is broken: one was changed, removed or put in between.
-- severity: error
-- place: seal
SELECT seal,
       CASE WHEN seal <> before_seal + 1 THEN format('Seal %%s follows seal %%s: those between are gone.', seal, before_seal)
            WHEN after <> before_upto THEN format('Seal %%s begins behind position %%s, the one before ends at %%s.', seal,
                                                  after, before_upto)
            ELSE format('The chain is broken at seal %%s: it or the one before was changed.', seal) END AS problem,
       after, upto
FROM (
    SELECT seal, after, upto, events, digest, chain, lag(seal, 1, 0::bigint) OVER previous AS before_seal,
           lag(upto, 1, 0::bigint) OVER previous AS before_upto, lag(chain) OVER previous AS before_chain
    FROM acci.seals
    WINDOW previous AS (ORDER BY seal)
) AS chained
WHERE seal <> before_seal + 1 OR after <> before_upto
   OR chain <> acci.seal_chain(before_chain, after, upto, events, digest);
