-- Readers do not see the live generation: the view in schema read is gone, or shows another table.
-- severity: error
-- place: projection
SELECT g.projection,
       format('read.%%s does not show generation %%s, which is live.', g.projection, g.generation) AS problem,
       g.generation
FROM acci.generations AS g
WHERE g.state = 'live' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = to_regclass(format('read.%%I', g.projection)) AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = to_regclass(format('%%I.%%I', 'generation_' || g.generation, g.projection))
);
