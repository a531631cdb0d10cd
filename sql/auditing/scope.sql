-- What an audit checks.

-- name: one_snapshot
-- Every statement of the transaction sees the same data.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- name: position_before
-- Positions follow the order of recording, except for overlapping appends; hence the minute. Read from the end.
SELECT position FROM acci.events
WHERE recorded_at < %(timestamp)s::timestamptz - interval '1 minute'
ORDER BY position DESC LIMIT 1;

-- name: payloads
SELECT position, event_type, schema_version, data::text, id FROM audited_events;
