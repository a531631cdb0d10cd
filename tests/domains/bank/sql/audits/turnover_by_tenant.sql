-- A tenant's turnover is not the sum of its deposits.
-- severity: error
-- projection: turnover
-- place: tenant_id
SELECT tenant_id, format('%%s deposits by the events, %%s in the table.', happened, stored) AS problem,
       happened, stored, paid, summed
FROM (
    SELECT tenant_id, count(*) AS happened, sum(round((data ->> 'amount')::numeric, 2)) AS paid
    FROM acci.events
    WHERE event_type = 'Deposited' AND position <= %(checkpoint)s AND position <> ALL (%(skipped)s)
    GROUP BY tenant_id
) AS events
FULL JOIN (SELECT tenant_id, sum(deposits) AS stored, sum(amount) AS summed FROM turnover GROUP BY tenant_id) AS rows
    USING (tenant_id)
WHERE happened IS DISTINCT FROM stored OR paid IS DISTINCT FROM summed;
