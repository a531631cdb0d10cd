-- How far behind the log a checkpoint is, or behind a tenant's events: those counted up to a limit, and when the oldest of
-- them was recorded.
SELECT (SELECT count(*) FROM (SELECT FROM acci.events
                              WHERE position > %(checkpoint)s AND position <= %(head)s
                                AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
                              LIMIT %(limit)s) AS waiting),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events
        WHERE position > %(checkpoint)s AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
        ORDER BY position LIMIT 1);
