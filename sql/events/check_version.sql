-- A number that no version can be is one that the stream is not at.
SELECT acci.check_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s,
                          least(greatest(%(version)s::bigint, -1), 2147483647)::integer);
