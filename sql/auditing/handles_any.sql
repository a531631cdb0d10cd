-- Whether a projection handles any event of these aggregate types.
SELECT EXISTS (SELECT FROM acci.events
               WHERE aggregate_type = ANY (%(types)s) AND event_type = ANY (%(event_types)s));
