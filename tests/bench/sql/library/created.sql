INSERT INTO people_view (id, email, name, created_at, updated_at)
VALUES (%(id)s, %(email)s, %(name)s, %(at)s, %(at)s);
