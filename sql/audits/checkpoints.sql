-- A read model's checkpoint is beyond the log, or beyond the mark below which nothing can appear any more.
-- severity: error
-- place: generation
SELECT generation,
       format('Generation %%s of %%s has its checkpoint at %%s, beyond the %%s.', generation, g.projection, g.checkpoint,
              CASE WHEN g.checkpoint > l.log_end THEN format('log, which ends at %%s', l.log_end)
                   ELSE 'high-water mark at ' || coalesce(h.position::text, '(none, its row is gone)') END) AS problem,
       g.projection, g.state, g.checkpoint
FROM acci.generations AS g
CROSS JOIN LATERAL (
    SELECT greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq')) AS log_end
) AS l
LEFT JOIN acci.high_water AS h ON true
WHERE g.state <> 'dropped' AND (g.checkpoint > l.log_end OR g.checkpoint > coalesce(h.position, 0));
