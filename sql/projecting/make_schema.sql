SELECT acci.make_schema(%(schema)s);
