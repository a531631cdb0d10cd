-- What is due has waited for more than a quarter of an hour to be delivered.
-- severity: warning
-- place: reaction, tenant_id, key
SELECT h.reaction, h.tenant_id, h.key,
       format('%%s %%s of %%s for the key %%s, due for %%s, have not been tried. Is `acci run react` running?', waiting.rows,
              CASE waiting.rows WHEN 1 THEN 'delivery' ELSE 'deliveries' END, h.reaction, h.key,
              date_trunc('second', clock_timestamp() - h.due)) AS problem,
       h.due, waiting.rows, waiting.oldest
FROM acci.outbox_heads AS h
JOIN acci.reactions AS r USING (reaction)
CROSS JOIN LATERAL (
    SELECT count(*) AS rows, min(o.created_at) AS oldest FROM acci.outbox AS o
    WHERE o.reaction = h.reaction AND o.tenant_id = h.tenant_id AND o.key = h.key
) AS waiting
WHERE h.due < clock_timestamp() - interval '15 minutes' AND r.paused_at IS NULL AND waiting.rows > 0;
