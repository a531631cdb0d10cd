SELECT DISTINCT projection FROM acci.generations;
