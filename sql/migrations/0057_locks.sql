-- Whether somebody has the turn at a stream or waits for it: asked by those that take no turn, so that those are not
-- always too late. Without waiting for anybody.
CREATE FUNCTION acci.is_turn_taken(tenant_id text, aggregate_type text, aggregate_id text) RETURNS boolean LANGUAGE sql
VOLATILE
RETURN NOT pg_try_advisory_xact_lock_shared(
    hashtextextended(jsonb_build_array(tenant_id, aggregate_type, aggregate_id)::text, 4)
);
