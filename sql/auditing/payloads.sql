SELECT position, event_type, schema_version, data::text, id FROM audited_events;
