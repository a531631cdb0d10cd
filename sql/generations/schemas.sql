-- Making a generation's schema, and making its table in it, as the role that projects.

-- name: take_role
-- The role that projects owns what is created, under any login: row-level security does not apply to a table's owner.
SELECT current_setting('role') AS before, set_config('role', 'acci_project', true);

-- name: create
SELECT acci.make_schema(%(schema)s);

-- name: enter
SELECT current_setting('search_path') AS before, set_config('search_path', quote_ident(%(schema)s) || ', public', true);

-- name: leave
SELECT set_config('search_path', %(search_path)s, true);

-- name: give_role_back
SELECT set_config('role', %(role)s, true);
