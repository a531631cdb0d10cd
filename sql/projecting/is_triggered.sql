-- Whether a trigger or a rule may write what no event gives.
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = to_regclass(%(table)s) AND ev_type <> '1');
