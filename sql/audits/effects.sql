-- What an event led to is not what is in the outbox, or was delivered.
-- severity: error
-- place: reaction, tenant_id, rewind, position
SELECT reaction, coalesce(o.tenant_id, put.tenant_id) AS tenant_id, rewind, position,
       CASE WHEN o.effects IS NULL
            THEN format('%%s did not decide the event at position %%s, to which %%s rows of the outbox or deliveries belong.',
                        reaction, position, put.rows)
            ELSE format('%%s decided on %%s effects of the event at position %%s; in the outbox and among the deliveries are '
                        '%%s.', reaction, o.effects, position, coalesce(put.rows, 0)) END AS problem,
       o.effects, coalesce(put.rows, 0) AS rows
FROM acci.outcomes AS o
FULL JOIN (
    SELECT reaction, rewind, position, min(tenant_id) AS tenant_id, count(*) AS rows
    FROM (
        SELECT reaction, rewind, position, tenant_id FROM acci.outbox
        UNION ALL
        SELECT reaction, rewind, position, NULL FROM acci.deliveries
    ) AS either
    GROUP BY reaction, rewind, position
) AS put USING (reaction, rewind, position)
WHERE o.effects IS DISTINCT FROM coalesce(put.rows, 0);
