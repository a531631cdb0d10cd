-- The columns whose default is another value each time: a rebuild could not give what catching up gave.
SELECT a.attname
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%(table)s) AND a.attgenerated = ''
  AND regexp_replace(pg_get_expr(d.adbin, d.adrelid), '''[^'']*''', '', 'g')
      ~* '(\mnow|_timestamp|timeofday|random|uuid\w*|nextval)\(|\mcurrent_|\mlocaltime';
