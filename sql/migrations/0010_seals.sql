-- Seals: ranges of the log with a digest each, chained, so that a change of an old event shows, and shows where.

-- What an event is, to the byte: whatever is changed about it gives another digest, under any settings of a session.
CREATE FUNCTION acci.event_digest(event acci.events) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(ROW(
    event.position, (extract(epoch FROM event."timestamp") * 1000000)::bigint,
    (extract(epoch FROM event.recorded_at) * 1000000)::bigint, event.id, event.version, event.schema_version,
    event.tenant_id, event.aggregate_type, event.aggregate_id, event.event_type, event.data, event.metadata
)::text, 'UTF8'));

-- The first eight bytes of an event's digest: enough to tell which event of a broken range it is.
CREATE FUNCTION acci.event_mark(digest bytea) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || encode(substr(digest, 1, 8), 'hex'))::bit(64)::bigint;

CREATE TABLE acci.seals (
    seal      bigint      PRIMARY KEY CHECK (seal > 0),
    after     bigint      NOT NULL CHECK (after >= 0),
    upto      bigint      NOT NULL CHECK (upto > after),
    events    bigint      NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest    bytea       NOT NULL,  -- of the digests of the events in (after, upto], in order
    chain     bytea       NOT NULL,  -- of the chain before, the range and the digest: the last one stands for all
    positions bigint[]    NOT NULL,  -- of the events, to say which one is gone or new
    marks     bigint[]    NOT NULL   -- of each of them, to say which one was changed
);

CREATE FUNCTION acci.seal_chain(before bytea, after bigint, upto bigint, events bigint, digest bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(coalesce(before, '') || int8send(after) || int8send(upto) || int8send(events) || digest);

CREATE FUNCTION acci.refuse_change_of_seals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seals are kept for good: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER seals_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON acci.seals
    FOR EACH STATEMENT EXECUTE FUNCTION acci.refuse_change_of_seals();
ALTER TABLE acci.seals ENABLE ALWAYS TRIGGER seals_are_kept;
