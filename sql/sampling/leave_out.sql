-- Keys with more events than there is time for, the longest histories first; how many are left out.
WITH counted AS (
    SELECT t.key, count(e.position) AS events
    FROM pg_temp.touched AS t
    LEFT JOIN pg_temp.touches AS e USING (key)
    GROUP BY t.key
), longest AS (
    SELECT key FROM (SELECT key, sum(events) OVER (ORDER BY events, key) AS running FROM counted) AS summed
    WHERE running > %(budget)s
)
DELETE FROM pg_temp.touched WHERE key IN (SELECT key FROM longest);
