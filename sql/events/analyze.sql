ANALYZE acci.events;
