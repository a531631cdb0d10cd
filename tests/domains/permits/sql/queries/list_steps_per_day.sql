SELECT day, handled_by, steps, received, first_at, last_at
FROM read.steps_per_day
WHERE tenant_id = %(tenant_id)s AND day >= %(since)s
ORDER BY day, handled_by LIMIT %(limit)s;
