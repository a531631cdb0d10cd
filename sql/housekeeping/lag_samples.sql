DELETE FROM acci.lag_samples WHERE sampled_at < clock_timestamp() - make_interval(days => %(days)s);
