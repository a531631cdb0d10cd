-- Each read model's lag of the last hours: how many hours ago (negative), and seconds behind.
SELECT projection, (extract(epoch FROM sampled_at - clock_timestamp()) / 3600)::float8, seconds
FROM acci.lag_samples
WHERE sampled_at > clock_timestamp() - make_interval(hours => %(hours)s)
ORDER BY projection, sampled_at;
