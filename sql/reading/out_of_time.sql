-- Events that had happened by a point in time, though one before them in their stream had not, since their senders' clocks
-- differ: as of then they were not there yet. Only behind the first later event of all can there be any.
SELECT position
FROM acci.events AS e
WHERE "timestamp" <= %(moment)s AND position <= %(upto)s AND event_type = ANY (%(event_types)s)
  AND position > (SELECT min(position) FROM acci.events WHERE "timestamp" > %(moment)s)
  AND EXISTS (
      SELECT FROM acci.events AS earlier
      WHERE earlier.tenant_id = e.tenant_id AND earlier.aggregate_type = e.aggregate_type
        AND earlier.aggregate_id = e.aggregate_id AND earlier.version < e.version
        AND earlier."timestamp" > %(moment)s
  )
ORDER BY position;
