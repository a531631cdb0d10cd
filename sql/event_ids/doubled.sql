-- An id that an event of a COPY between two positions shares with another event. As in events/gap.sql, what others
-- appended meanwhile is told apart by the xmin of the COPY's last row.
SELECT added.id
FROM acci.events AS added
JOIN acci.events AS other ON other.id = added.id AND other.position <> added.position
WHERE added.position > %(after)s AND added.position <= %(up_to)s
  AND added.xmin = (
      SELECT last.xmin FROM acci.events AS last
      WHERE last.tenant_id = %(tenant_id)s AND last.aggregate_type = %(aggregate_type)s
        AND last.aggregate_id = %(aggregate_id)s AND last.version = %(version)s
  )
LIMIT 1;
