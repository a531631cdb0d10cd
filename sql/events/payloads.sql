SELECT position, data::text, id FROM acci.events WHERE position = ANY (%(positions)s);
