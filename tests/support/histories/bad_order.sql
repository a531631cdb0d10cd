INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
VALUES ('2026-01-01Z', gen_random_uuid(), 1, 'tenant-1', 'Order', 'bad', 'OrderPlaced', '{"amount": "much"}', '{}');
