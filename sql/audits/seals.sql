-- The log is not what was sealed: an old event was changed, removed or inserted.
-- severity: error
-- place: position
WITH now AS (
    SELECT s.seal, count(e.position) AS events,
           sha256(coalesce(string_agg(e.digest, ''::bytea ORDER BY e.position), '')) AS digest
    FROM acci.seals AS s
    LEFT JOIN LATERAL (
        SELECT position, acci.event_digest(logged) AS digest FROM acci.events AS logged
        WHERE position > s.after AND position <= s.upto
    ) AS e ON true
    WHERE s.seal %% %(one_in)s = %(turn)s
    GROUP BY s.seal
), broken AS MATERIALIZED (
    SELECT s.* FROM acci.seals AS s JOIN now USING (seal)
    WHERE now.digest <> s.digest OR now.events <> s.events
), located AS (
    SELECT b.seal, each.*
    FROM broken AS b
    CROSS JOIN LATERAL (
        SELECT position, CASE WHEN there.mark IS NULL THEN 'was removed' WHEN sealed.mark IS NULL THEN 'was inserted'
                              ELSE 'was changed' END AS happened,
               event_type, tenant_id, aggregate_type, aggregate_id, version
        FROM (SELECT position, mark FROM unnest(b.positions, b.marks) AS marked (position, mark)) AS sealed
        FULL JOIN (SELECT *, acci.event_mark(acci.event_digest(logged)) AS mark FROM acci.events AS logged
                   WHERE position > b.after AND position <= b.upto) AS there USING (position)
        WHERE there.mark IS DISTINCT FROM sealed.mark
    ) AS each
)
SELECT position::text, format('The event at position %%s %%s after it was sealed (seal %%s).', position, happened, seal)
       AS problem, seal, event_type, tenant_id, aggregate_type, aggregate_id, version
FROM located
UNION ALL
SELECT format('%%s to %%s', after + 1, upto),
       format('Seal %%s does not fit its events, each of which fits it: it was changed.', seal),
       seal, NULL, NULL, NULL, NULL, NULL
FROM broken
WHERE seal NOT IN (SELECT seal FROM located);
