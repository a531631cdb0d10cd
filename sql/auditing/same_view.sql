-- Whether two views are of one query; false if one of them is none.
SELECT coalesce(pg_get_viewdef(to_regclass(%(there)s)) = pg_get_viewdef(to_regclass(%(wanted)s)), false);
