-- Whether PostgreSQL refuses to change events, also to a session that calls itself a replica.
SELECT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = 'acci.events'::regclass AND tgname = 'events_are_append_only' AND tgenabled = 'A'
);
