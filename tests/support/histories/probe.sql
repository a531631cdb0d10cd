-- One event that no projection knows.
INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
VALUES (now(), gen_random_uuid(), %(version)s, 't', 'Probe', %(stream)s, 'Probed', '{}', '{}')
RETURNING position;
