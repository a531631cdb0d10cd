SELECT positions, recorded_at
FROM acci.append(
    %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(expected_version)s,
    %(timestamps)s, %(ids)s, %(schema_versions)s, %(event_types)s, %(data)s, %(metadata)s,
    %(command_id)s, %(command_name)s, %(command_content)s
);
