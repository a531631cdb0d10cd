-- The memory of a command that led to nothing.
INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
SELECT clock_timestamp(), %(command_id)s, within.tenant_id, %(command_name)s, %(command_content)s, '{}'
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id);
