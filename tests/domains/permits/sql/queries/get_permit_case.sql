SELECT
    tenant_id, id, channel, department, team, responsible, deadline, status,
    steps, first_step, first_step_at, last_step, last_step_at
FROM read.permit_cases
WHERE tenant_id = %(tenant_id)s AND id = %(id)s;
