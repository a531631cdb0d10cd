-- Live read models, each with whether its view shows that generation's table.
SELECT g.projection, EXISTS (
    SELECT FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = to_regclass(format('read.%%I', g.projection))
      AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = to_regclass(format('%%I.%%I', 'generation_' || g.generation, g.projection))
)
FROM acci.generations AS g
WHERE g.state = 'live' AND g.projection = ANY (%(names)s)
ORDER BY g.projection;
