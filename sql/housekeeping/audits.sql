-- Records of old audits, but for the last full one, whose age is health.
DELETE FROM acci.audits
WHERE made_at < clock_timestamp() - make_interval(days => %(days)s)
  AND audit IS DISTINCT FROM (SELECT max(audit) FROM acci.audits WHERE full_set);
