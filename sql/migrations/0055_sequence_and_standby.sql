-- The position of the last stored event, whoever asks: row security would show a tenant less, and search long for it.
CREATE FUNCTION acci.log_end() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(max(e.position), 0) FROM acci.events AS e;
END;
REVOKE EXECUTE ON FUNCTION acci.log_end() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.log_end() TO acci_append, acci_project, acci_read, acci_administer;

-- Where no position may be given: up to the end of the log, and up to where readers' read models are.
CREATE FUNCTION acci.passed() RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT greatest(acci.log_end(), max(g.checkpoint)) FROM acci.generations AS g WHERE g.state = 'live';
END;

CREATE FUNCTION acci.refuse_position(drawn bigint, passed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the sequence of positions is at %, and position % is taken or passed', drawn, passed
        USING ERRCODE = 'AC005';
END
$$;

-- Before anything is appended. Logical replication and partial restores leave the sequence behind the rows: positions that
-- it gives then lie below checkpoints, and no read model would ever see such events.
CREATE FUNCTION acci.require_sequence() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    passed CONSTANT bigint := acci.passed();  -- first: what is stored was drawn
    drawn CONSTANT bigint := coalesce(pg_sequence_last_value('acci.events_position_seq'), 0);
BEGIN
    IF drawn < passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
END
$$;

-- The mark as appends look at it: to read a sequence costs them nothing, a row or a trigger a fifth.
CREATE SEQUENCE acci.passed_positions;
SELECT setval('acci.passed_positions', position) FROM acci.high_water WHERE position > 0;
GRANT SELECT ON acci.passed_positions TO acci_append, acci_read;
GRANT SELECT, UPDATE ON acci.passed_positions TO acci_project, acci_administer;

-- For a position at or below that mark: refused, unless the log was restored from an older backup, and the mark is to be
-- set back.
CREATE FUNCTION acci.require_above(drawn bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    passed CONSTANT bigint := acci.passed();
BEGIN
    IF drawn <= passed THEN
        PERFORM acci.refuse_position(drawn, passed);
    END IF;
    RETURN true;
END
$$;

-- As a policy it is a part of the statement's plan, and reaches who appends by SQL too.
CREATE POLICY above_read_models ON acci.events AS RESTRICTIVE FOR INSERT TO acci_append, acci_administer WITH CHECK (
    position > coalesce(pg_sequence_last_value('acci.passed_positions'), 0) OR acci.require_above(position)
);

-- A candidate for the mark and who may still be writing below it. The order is the proof: an inserter takes its lock
-- on the table before it draws a position, so whoever drew one up to the candidate is seen here or has ended; and what
-- is stored was drawn before it was seen here.
-- Without holders (NULL) no new mark can be established: a standby knows neither who is appending on the primary nor what
-- was drawn there; and where the sequence is behind the log, holes above the mark may be filled. What was established
-- before still holds.
CREATE OR REPLACE FUNCTION acci.high_water_candidate(OUT candidate bigint, OUT holders text[]) LANGUAGE plpgsql AS $$
DECLARE
    stored CONSTANT bigint := acci.log_end();
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO candidate FROM acci.events_position_seq;
    IF candidate < stored OR pg_is_in_recovery() THEN
        candidate := (SELECT CASE WHEN position <= stored THEN position ELSE 0 END FROM acci.high_water);
    ELSE
        holders := acci.appending();
    END IF;
END
$$;

-- Never lowered, unless it is beyond the log: then that was restored from an older backup. Not below a read model that
-- readers see, either, so that nothing is appended there until it is rebuilt. A standby leaves it as the primary has it.
CREATE OR REPLACE FUNCTION acci.raise_high_water(mark bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() OR NOT has_table_privilege('acci.high_water', 'UPDATE') THEN
        RETURN;
    END IF;
    UPDATE acci.high_water SET position = mark, established_at = clock_timestamp()
    WHERE position < mark
       OR position > greatest(pg_sequence_last_value('acci.events_position_seq'), acci.passed());
    IF FOUND AND mark > 0 THEN
        PERFORM setval('acci.passed_positions', mark);
    END IF;
END
$$;

-- For who migrates: the sequence at the end of the log, if it was behind. Nobody appends meanwhile.
CREATE FUNCTION acci.set_sequence_on() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(pg_sequence_last_value('acci.events_position_seq'), 0) < acci.log_end() THEN
        LOCK TABLE acci.events IN SHARE ROW EXCLUSIVE MODE;
        PERFORM setval(
            'acci.events_position_seq',
            greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq'))
        );
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION acci.set_sequence_on() FROM PUBLIC;

-- What a session waits for too: one that waits for a synchronous standby has committed, and is not a forgotten one.
DROP FUNCTION acci.sessions();
CREATE FUNCTION acci.sessions(
    OUT pid integer, OUT usename name, OUT application_name text, OUT state text, OUT xact_start timestamptz,
    OUT wait_event text
) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.pid, a.usename, a.application_name, a.state, a.xact_start, a.wait_event
    FROM pg_catalog.pg_stat_activity AS a WHERE a.datname = current_database();
END;
REVOKE EXECUTE ON FUNCTION acci.sessions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.sessions() TO acci_append, acci_project, acci_read, acci_administer;
