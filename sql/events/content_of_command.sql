-- What is remembered of a command, if it was handled.
SELECT found.content
FROM set_config('acci.tenant', %(tenant_id)s, true) AS within (tenant_id)
CROSS JOIN LATERAL (
    SELECT content FROM acci.commands WHERE tenant_id = within.tenant_id AND id = %(command_id)s
) AS found;
