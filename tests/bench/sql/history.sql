-- So many events of so many users of 20 tenants, in the order in which they happened. Whose each is falls by chance, so
-- that a batch touches as many rows as it can. Every 50th user ends deleted; one event in 10,000 is a complaint.
WITH drawn AS MATERIALIZED (
    SELECT i, (hashint8extended(i, 42) & 9223372036854775807) %% %(users)s AS person
    FROM generate_series(1, %(events)s::bigint) AS i
    WHERE i %% 10000 <> 0
), numbered AS (
    SELECT i, person, row_number() OVER by_person AS version, lead(i) OVER by_person IS NULL AS is_last
    FROM drawn WINDOW by_person AS (PARTITION BY person ORDER BY i)
), typed AS (
    SELECT i, person, version, 'User' AS aggregate_type, 'user-' || person AS aggregate_id,
           CASE WHEN version = 1 THEN 'UserCreated' WHEN is_last AND person %% 50 = 0 THEN 'UserDeleted'
                WHEN version %% 6 = 3 THEN 'UserDeactivated' WHEN version %% 6 = 4 THEN 'UserReactivated'
                ELSE 'UserUpdated' END AS event_type
    FROM numbered
    UNION ALL
    SELECT i, i, 1, 'Complaint', 'complaint-' || i, 'ComplaintFiled'
    FROM generate_series(10000, %(events)s::bigint, 10000) AS i
)
INSERT INTO acci.events
    ("timestamp", recorded_at, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
SELECT at, at, gen_random_uuid(), version, 'tenant-' || person %% 20, aggregate_type, aggregate_id, event_type,
       CASE WHEN event_type IN ('UserCreated', 'UserUpdated') THEN jsonb_build_object(
                'email', 'user' || person || '.' || version || '@example.com',
                'name', 'User ' || person || ' of version ' || version)
            WHEN event_type = 'ComplaintFiled' THEN '{"about": "how long it takes"}'
            WHEN event_type = 'UserDeactivated' THEN '{"reason": "asked for it"}' ELSE '{}' END,
       jsonb_build_object('tenant_id', 'tenant-' || person %% 20, 'user_id', 'admin-' || person %% 100,
                          'correlation_id', md5(i::text)::uuid, 'causation_id', md5(-i || '')::uuid)
FROM typed CROSS JOIN LATERAL (SELECT '2026-01-01Z'::timestamptz + i * interval '7 seconds' AS at) AS clock
ORDER BY i;
