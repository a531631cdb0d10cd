-- Backfills that ended long ago, with their chunks. What is under way stays.
WITH ended AS (
    SELECT backfill FROM acci.backfills
    WHERE state <> 'running' AND finished_at < clock_timestamp() - make_interval(days => %(days)s)
), chunks AS (
    DELETE FROM acci.backfill_chunks USING ended WHERE backfill_chunks.backfill = ended.backfill
)
DELETE FROM acci.backfills USING ended WHERE backfills.backfill = ended.backfill;
