-- Removes what is no longer needed: never an event, a seal, the record of a command or import, or what a reaction decided or
-- delivered.

-- name: dead_letters
-- Dead letters of dropped generations, which cannot be retried. Those of live and kept ones stay.
DELETE FROM acci.dead_letters AS d USING acci.generations AS g
WHERE g.generation = d.generation AND g.state = 'dropped';

-- name: parked_keys
-- Keys parked in generations that are dropped.
DELETE FROM acci.parked_keys AS p USING acci.generations AS g
WHERE g.generation = p.generation AND g.state = 'dropped';

-- name: findings
-- Findings that were resolved long ago. Open ones stay, however old.
DELETE FROM acci.findings WHERE resolved_at < clock_timestamp() - make_interval(days => %(days)s);

-- name: backfills
-- Backfills that ended long ago, with their chunks. What is under way stays.
WITH ended AS (
    SELECT backfill FROM acci.backfills
    WHERE state <> 'running' AND finished_at < clock_timestamp() - make_interval(days => %(days)s)
), chunks AS (
    DELETE FROM acci.backfill_chunks USING ended WHERE backfill_chunks.backfill = ended.backfill
)
DELETE FROM acci.backfills USING ended WHERE backfills.backfill = ended.backfill;

-- name: audits
-- Records of old audits, except the last full one, whose age the health check needs.
DELETE FROM acci.audits
WHERE made_at < clock_timestamp() - make_interval(days => %(days)s)
  AND audit IS DISTINCT FROM (SELECT max(audit) FROM acci.audits WHERE full_set);

-- name: lag_samples
DELETE FROM acci.lag_samples WHERE sampled_at < clock_timestamp() - make_interval(days => %(days)s);
