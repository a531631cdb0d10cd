UPDATE acci.high_water SET position = %(position)s, established_at = clock_timestamp()
WHERE position < %(position)s;
