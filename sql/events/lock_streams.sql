SELECT acci.lock_streams(%(tenant_ids)s, %(aggregate_types)s, %(aggregate_ids)s, %(written)s);
