SELECT position, data::text FROM acci.events WHERE position = ANY (%(positions)s);
