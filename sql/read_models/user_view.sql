-- Every user as they are now. Rows are updated often: the free space keeps those updates on their page (HOT).
CREATE TABLE user_view (
    tenant_id  text        NOT NULL,
    id         text        NOT NULL,
    email      text        NOT NULL,
    name       text        NOT NULL,
    status     text        NOT NULL CHECK (status IN ('active', 'inactive')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 70);

-- search_users needs both. By name, with the email in it, so that reading on by name visits no row of the table;
-- and any part of name or email, whatever its case, within a tenant.
CREATE INDEX user_view_by_name ON user_view (tenant_id, name, id) INCLUDE (email);
CREATE INDEX user_view_search ON user_view
    USING gin (tenant_id, lower(name || chr(10) || email) public.gin_trgm_ops);
