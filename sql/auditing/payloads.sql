SELECT position, event_type, schema_version, data::text FROM audited_events;
