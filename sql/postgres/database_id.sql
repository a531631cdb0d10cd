SELECT id FROM acci.identity;
