SELECT pg_relation_size(to_regclass(%(table)s));
