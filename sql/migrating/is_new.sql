SELECT to_regclass('acci_migrations.applied') IS NULL;
