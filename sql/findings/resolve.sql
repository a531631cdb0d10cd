-- What was looked at again and not found: it is gone. `within` are the parts of places that were looked at, any of
-- them; {} is all of them.
UPDATE acci.findings SET resolved_at = %(now)s
WHERE resolved_at IS NULL AND check_name = %(check)s AND projection IS NOT DISTINCT FROM %(projection)s::text
  AND last_seen < %(now)s
  AND EXISTS (SELECT FROM jsonb_array_elements(%(within)s) AS part WHERE place @> part);
