-- A key with rows in the outbox has no head, so they are never delivered; or a head has no rows.
-- severity: error
-- place: reaction, tenant_id, key
-- repair: outbox_heads
SELECT reaction, tenant_id, key,
       CASE WHEN h.due IS NULL
            THEN format('%%s has %%s rows in the outbox for the key %%s, and no head of it: they are never delivered.',
                        reaction, o.rows, key)
            ELSE format('%%s has a head of the key %%s, which has no rows in the outbox.', reaction, key) END AS problem,
       o.rows
FROM (
    SELECT reaction, tenant_id, key, count(*) AS rows FROM acci.outbox GROUP BY reaction, tenant_id, key
) AS o
FULL JOIN acci.outbox_heads AS h USING (reaction, tenant_id, key)
WHERE o.rows IS NULL OR h.due IS NULL;
