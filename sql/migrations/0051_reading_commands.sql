-- Who reads may follow a correlation, which leads through the commands of their tenant.
GRANT SELECT ON acci.commands TO acci_read;
