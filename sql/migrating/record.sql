INSERT INTO acci_migrations.applied (name, checksum) VALUES (%(name)s, %(checksum)s);
