-- The view under which readers find the live generation. Templates with {view}, {columns}, {table}, {generation}.

-- name: create
CREATE OR REPLACE VIEW {view} AS
SELECT {columns} FROM {table}
WHERE acci.is_live((SELECT state FROM acci.generations WHERE generation = {generation}));

-- name: create_of_tenants
-- Readers see their tenant's rows; the roles that project or administer see all.
CREATE OR REPLACE VIEW {view} AS
SELECT {columns} FROM {table}
WHERE acci.is_live((SELECT state FROM acci.generations WHERE generation = {generation}))
  AND (
      tenant_id::text = (SELECT current_setting('acci.tenant', true))
      OR (SELECT pg_has_role('acci_project', 'USAGE'))
  );
