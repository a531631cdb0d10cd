-- An append is plain SQL since this version (sql/appending): of a function's price only the refusal is left, which
-- stands where the version of the next event would.
DROP FUNCTION acci.append(
    text, text, text, integer, timestamptz[], uuid[], integer[], text[], jsonb[], jsonb[], uuid, text, bytea
);

DROP FUNCTION acci.refuse_version(text, text, text, text);
-- The detail is what a program reads: the version, the stream.
CREATE FUNCTION acci.refuse_version(tenant_id text, aggregate_type text, aggregate_id text, state text)
RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    actual integer;
BEGIN
    SELECT coalesce(max(e.version), 0) INTO actual FROM acci.events AS e
    WHERE e.tenant_id = tenant_id AND e.aggregate_type = aggregate_type AND e.aggregate_id = aggregate_id;
    RAISE EXCEPTION 'the stream (%, %, %) is at version %', tenant_id, aggregate_type, aggregate_id, actual
        USING ERRCODE = state,
              DETAIL = jsonb_build_array(actual, tenant_id, aggregate_type, aggregate_id)::text;
END
$$;
