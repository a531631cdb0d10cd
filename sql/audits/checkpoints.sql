-- A read model's checkpoint is beyond the log, or beyond the mark below which nothing can appear any more.
-- severity: error
-- place: generation
SELECT generation,
       format('Generation %%s of %%s has its checkpoint at %%s, beyond the high-water mark at %%s.', generation,
              g.projection, g.checkpoint, h.position) AS problem,
       g.projection, g.state, g.checkpoint
FROM acci.generations AS g
CROSS JOIN acci.high_water AS h
WHERE g.state <> 'dropped' AND g.checkpoint > h.position;
