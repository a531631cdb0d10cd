SELECT acci.guard(to_regclass(%(table)s));
