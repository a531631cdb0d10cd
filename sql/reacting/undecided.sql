-- Events that could not be decided, and those that wait behind them.

-- name: parked
-- The keys that wait.
SELECT DISTINCT tenant_id, key FROM acci.undecided WHERE reaction = %(reaction)s AND key IS NOT NULL;

-- name: add
INSERT INTO acci.undecided (position, rewind, reaction, tenant_id, key, event_type, error, tries, last_tried)
SELECT given.position, %(rewind)s, %(reaction)s, given.tenant_id, given.key, given.event_type, given.error,
       (given.error IS NOT NULL)::integer, CASE WHEN given.error IS NOT NULL THEN clock_timestamp() END
FROM unnest(
    %(positions)s::bigint[], %(tenant_ids)s::text[], %(keys)s::text[], %(event_types)s::text[], %(errors)s::text[]
) AS given (position, tenant_id, key, event_type, error)
ON CONFLICT (reaction, rewind, position) DO NOTHING;
