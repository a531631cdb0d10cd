SELECT set_config('acci.tenant', %(tenant_id)s, %(local)s);
