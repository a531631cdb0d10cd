UPDATE people_view SET name = %(name)s, updated_at = %(at)s WHERE id = %(id)s;
