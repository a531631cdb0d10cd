-- Events with a timestamp up to a point in time that come after one of their stream with a later timestamp, since
-- senders' clocks differ. As of that time they did not exist yet. All are after the log's first event with a later one.
SELECT position
FROM acci.events AS e
WHERE "timestamp" <= %(as_of)s AND position <= %(upto)s AND event_type = ANY (%(event_types)s)
  AND position > (SELECT min(position) FROM acci.events WHERE "timestamp" > %(as_of)s)
  AND EXISTS (
      SELECT FROM acci.events AS earlier
      WHERE earlier.tenant_id = e.tenant_id AND earlier.aggregate_type = e.aggregate_type
        AND earlier.aggregate_id = e.aggregate_id AND earlier.version < e.version
        AND earlier."timestamp" > %(as_of)s
  )
ORDER BY position;
