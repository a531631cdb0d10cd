SELECT positions, recorded_at
FROM acci.append(
    %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(expected_version)s,
    %(timestamps)s::timestamptz[], %(ids)s::uuid[], %(schema_versions)s::integer[], %(event_types)s::text[],
    %(data)s::jsonb[], %(metadata)s::jsonb[],
    %(command_id)s, %(command_name)s, %(command_content)s
);
