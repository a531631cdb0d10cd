-- Readers see their tenant's rows, those who project or administer all.
CREATE OR REPLACE VIEW {view} AS
SELECT {columns} FROM {table}
WHERE acci.is_live((SELECT state FROM acci.generations WHERE generation = {generation}))
  AND (
      tenant_id::text = (SELECT current_setting('acci.tenant', true))
      OR (SELECT pg_has_role('acci_project', 'USAGE'))
  );
