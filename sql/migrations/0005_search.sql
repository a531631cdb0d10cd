-- What searching in text needs: indexes over its trigrams, and patterns that take a user's words literally.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;

-- The LIKE pattern of all texts that contain `part`; %, _ and \ in it mean themselves. Inlined, so an index serves it.
CREATE FUNCTION read.containing(part text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '%' || replace(replace(replace(part, '\', '\\'), '%', '\%'), '_', '\_') || '%';
