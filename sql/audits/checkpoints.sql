-- A read model's checkpoint is beyond the log, or beyond the mark below which nothing can appear any more.
-- severity: error
-- place: generation
SELECT generation,
       format('Generation %%s of %%s has its checkpoint at %%s, beyond the high-water mark at %%s.', generation,
              g.projection, g.checkpoint, coalesce(h.position::text, '(none, its row is gone)')) AS problem,
       g.projection, g.state, g.checkpoint
FROM acci.generations AS g
LEFT JOIN acci.high_water AS h ON true
WHERE g.state <> 'dropped' AND g.checkpoint > coalesce(h.position, 0);
