INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
VALUES (now(), gen_random_uuid(), 2, 'tenant-1', 'Order', 'order-1', 'ItemAdded',
        '{"amount": "1.00", "quantity": "two"}', '{}');
