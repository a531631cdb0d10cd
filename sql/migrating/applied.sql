SELECT name, checksum FROM acci_migrations.applied ORDER BY name;
