INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
SELECT '2026-01-01Z'::timestamptz + number * interval '1 hour', gen_random_uuid(), 1, 'tenant-' || number %% 3, 'Order',
       %(prefix)s || number, 'OrderPlaced',
       jsonb_build_object('customer', 'c' || number, 'amount', number %% 500), '{}'
FROM generate_series(1, %(count)s) AS number;
