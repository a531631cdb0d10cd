-- Whether two views have the same query; false if one does not exist.
SELECT coalesce(pg_get_viewdef(to_regclass(%(there)s)) = pg_get_viewdef(to_regclass(%(wanted)s)), false);
