-- Unique event ids.

-- name: lock
-- Bulk appends check their ids one after the other: two at once would not see each other's.
SELECT pg_advisory_xact_lock(hashtext('acci event ids'))
FROM set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5min'), true)
OFFSET 0;

-- name: plan_row_by_row
-- Whether nested loops are allowed for joins with the log: without statistics the planner expects few ids, and would
-- read the whole log for each.
SELECT set_config('enable_nestloop', %(row_by_row)s, true);

-- name: duplicate
-- An id that an event of a COPY between two positions shares with another event. As in gap.sql, what others
-- appended meanwhile is left out by the xmin of the COPY's last row.
SELECT added.id
FROM acci.events AS added
JOIN acci.events AS other ON other.id = added.id AND other.position <> added.position
WHERE added.position > %(after)s AND added.position <= %(to)s
  AND added.xmin = (
      SELECT last.xmin FROM acci.events AS last
      WHERE last.tenant_id = %(tenant_id)s AND last.aggregate_type = %(aggregate_type)s
        AND last.aggregate_id = %(aggregate_id)s AND last.version = %(version)s
  )
LIMIT 1;

-- name: duplicate_of_few
-- An id of these that more than one event has.
SELECT id FROM acci.events_of_ids(%(ids)s) GROUP BY id HAVING count(*) > 1 LIMIT 1;

-- name: is_unique
-- Whether a unique index on event ids exists; NULL if its creation was not finished.
SELECT bool_and(indisvalid) FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('acci.events_id_key');

-- name: create_index
CREATE UNIQUE INDEX CONCURRENTLY events_id_key ON acci.events (id);

-- name: drop_index
DROP INDEX CONCURRENTLY IF EXISTS acci.events_id_key;
