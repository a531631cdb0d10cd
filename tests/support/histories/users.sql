-- Users of three tenants, their events interleaved: created, then up to seven others; some end deleted, a few of
-- those are created again.
INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
SELECT '2026-01-01Z'::timestamptz + place * interval '1 second', gen_random_uuid(), version,
       'tenant-' || person %% 3, 'User', 'user-' || person, event_type,
       CASE WHEN event_type IN ('UserCreated', 'UserUpdated')
            THEN jsonb_build_object('email', person || '.' || version || '@example.org',
                                    'name', 'Name ' || dice %% 100 || ' of ' || person)
            ELSE '{}' END,
       '{}'
FROM (
    SELECT person, version, dice, version * 37 + abs(hashint4(person)) %% 200 AS place,
           CASE WHEN version = 1 OR version = 7 AND deleted THEN 'UserCreated'
                WHEN version = 6 AND deleted THEN 'UserDeleted'
                ELSE (ARRAY['UserUpdated', 'UserDeactivated', 'UserReactivated'])[1 + dice %% 3] END AS event_type
    FROM generate_series(%(first)s::int, %(last)s) AS person,
         LATERAL (SELECT abs(hashint4(person + 7)) %% 8 AS more, abs(hashint4(person + 11)) %% 4 = 0 AS deleted) AS fate,
         generate_series(1, 1 + more) AS version,
         LATERAL (SELECT abs(hashint4(person * 31 + version)) AS dice) AS thrown
) AS happened
ORDER BY place, person, version;
