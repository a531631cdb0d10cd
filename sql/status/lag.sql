-- How far behind the log a checkpoint is: events counted up to a limit, and when the oldest of them was recorded.
SELECT (SELECT count(*) FROM (SELECT FROM acci.events
                              WHERE position > %(checkpoint)s AND position <= %(head)s LIMIT %(limit)s) AS waiting),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events
        WHERE position > %(checkpoint)s ORDER BY position LIMIT 1);
