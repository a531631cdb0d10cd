SELECT acci.check_version(%(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, %(version)s);
