-- What a login that may only append can store by SQL must not stop anybody else, nor be seen by other tenants.

-- A moment that no calendar has stops whoever reads it. Rows from before may break this; the audit `envelopes` lists them.
ALTER TABLE acci.events ADD CONSTRAINT events_timestamp_check
    CHECK ("timestamp" >= '0001-01-01 00:00:00+00' AND "timestamp" < '10000-01-01 00:00:00+00') NOT VALID;
DO $$
BEGIN
    ALTER TABLE acci.events VALIDATE CONSTRAINT events_timestamp_check;
EXCEPTION WHEN check_violation THEN
    NULL;
END
$$;

-- When an event was recorded is the database's to say: one moment for an append, and never long ago, however long the
-- statement takes.
ALTER TABLE acci.events ALTER recorded_at
    SET DEFAULT greatest(statement_timestamp(), clock_timestamp() - interval '1 second');
REVOKE INSERT (recorded_at) ON acci.events FROM acci_append, acci_administer;

-- What else would stop readers. As a policy it is a part of the statement's plan, which is kept; a constraint would cost
-- each append a quarter more.
CREATE POLICY storable ON acci.events AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    schema_version > 0 AND version < 2147483647
    AND tenant_id <> '' AND aggregate_type <> '' AND aggregate_id <> '' AND event_type <> ''
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND octet_length(event_type) <= 500
    AND jsonb_typeof(data) = 'object' AND pg_column_size(data) <= 33554432
    AND jsonb_typeof(metadata) = 'object' AND pg_column_size(metadata) <= 65536
);
CREATE POLICY storable ON acci.commands AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    recorded_at >= '0001-01-01 00:00:00+00' AND recorded_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(name) <= 500
    AND pg_column_size(content) <= 65536 AND pg_column_size(positions) <= 33554432
);
CREATE POLICY storable ON acci.snapshots AS RESTRICTIVE FOR INSERT TO acci_append WITH CHECK (
    taken_at >= '0001-01-01 00:00:00+00' AND taken_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND jsonb_typeof(state) = 'object'
);
CREATE POLICY storable_again ON acci.snapshots AS RESTRICTIVE FOR UPDATE TO acci_append USING (true) WITH CHECK (
    taken_at >= '0001-01-01 00:00:00+00' AND taken_at < '10000-01-01 00:00:00+00'
    AND octet_length(tenant_id) <= 500 AND octet_length(aggregate_type) <= 500 AND octet_length(aggregate_id) <= 500
    AND jsonb_typeof(state) = 'object'
);

-- The digest of whatever is there, of moments without end too; of all others it is the same as before.
CREATE OR REPLACE FUNCTION acci.event_digest(event acci.events) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(ROW(
    event.position, trunc(extract(epoch FROM event."timestamp") * 1000000),
    trunc(extract(epoch FROM event.recorded_at) * 1000000), event.id, event.version, event.schema_version,
    event.tenant_id, event.aggregate_type, event.aggregate_id, event.event_type, event.data, event.metadata
)::text, 'UTF8'));

-- Why an event was discarded is its tenant's.
ALTER TABLE acci.discarded_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON acci.discarded_events
    USING (EXISTS (SELECT FROM acci.events AS e WHERE e.position = discarded_events.position));
CREATE POLICY of_every_tenant ON acci.discarded_events TO acci_project, acci_administer USING (true);
