-- What a generation's rows rest on is written down, so that it can be told whether it still holds.
ALTER TABLE acci.generations
    ADD COLUMN skipped bigint[] NOT NULL DEFAULT '{}',  -- discarded events that its rows were made without
    ADD COLUMN kept_at bigint;                          -- of a kept one: where its checkpoint must be
COMMENT ON COLUMN acci.generations.kept_at IS 'How far a kept generation has come: another checkpoint was moved by hand.';

UPDATE acci.generations AS g
SET skipped = ARRAY(SELECT d.position FROM acci.discarded_events AS d
                    WHERE d.projection = g.projection AND (g.state = 'live' OR d.discarded_at < g.created_at)
                    ORDER BY d.position),
    kept_at = CASE WHEN g.state = 'kept' THEN g.checkpoint END
WHERE g.state <> 'dropped';

CREATE FUNCTION acci.note_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.kept_at := CASE WHEN NEW.state = 'kept' THEN NEW.checkpoint END;
    RETURN NEW;
END
$$;
CREATE TRIGGER generations_note_kept BEFORE UPDATE OF state ON acci.generations
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION acci.note_kept();

-- A discard says which dead letter it was, who discarded it, and the event as it was then. Without that, or with an
-- event that is another one now, it does not count: the row was put there, or the event changed, by hand.
ALTER TABLE acci.discarded_events
    ADD COLUMN dead_letter  bigint,  -- NULL: discarded before this was written down
    ADD COLUMN discarded_by text,
    ADD COLUMN event_digest bytea;

UPDATE acci.discarded_events AS d SET event_digest = acci.event_digest(e)
FROM acci.events AS e
WHERE e.position = d.position AND isfinite(e."timestamp") AND isfinite(e.recorded_at);

CREATE FUNCTION acci.discard(letter bigint, why text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO acci.discarded_events AS known (projection, position, reason, dead_letter, discarded_by, event_digest)
    SELECT g.projection, d.position, why, d.dead_letter, session_user, acci.event_digest(e)
    FROM acci.dead_letters AS d
    JOIN acci.generations AS g ON g.generation = d.generation
    JOIN acci.events AS e ON e.position = d.position
    WHERE d.dead_letter = letter
    ON CONFLICT (projection, position) DO UPDATE
    SET reason = excluded.reason, dead_letter = excluded.dead_letter, discarded_by = excluded.discarded_by,
        event_digest = excluded.event_digest, discarded_at = clock_timestamp()
    WHERE known.event_digest IS DISTINCT FROM excluded.event_digest;
END;
REVOKE EXECUTE ON FUNCTION acci.discard(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.discard(bigint, text) TO acci_administer;
REVOKE INSERT ON acci.discarded_events FROM acci_administer;

-- Which rules of a projection are newer: the order in which they were first seen to build. Older ones, of a program that
-- was not upgraded yet, must not undo what newer ones made, unless that is asked for.
CREATE TABLE acci.rules (
    projection  text        NOT NULL,
    fingerprint text        NOT NULL,
    number      bigint      NOT NULL,  -- the higher, the newer
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, fingerprint)
);
GRANT SELECT ON acci.rules TO acci_append, acci_read, acci_administer;
INSERT INTO acci.rules (projection, fingerprint, number, first_seen)
SELECT projection, fingerprint, max(generation), min(created_at) FROM acci.generations GROUP BY projection, fingerprint;

CREATE FUNCTION acci.note_rules() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine   bigint := (SELECT r.number FROM acci.rules AS r
                      WHERE r.projection = NEW.projection AND r.fingerprint = NEW.fingerprint);
    of_live bigint := (SELECT r.number FROM acci.generations AS g
                       JOIN acci.rules AS r ON r.projection = g.projection AND r.fingerprint = g.fingerprint
                       WHERE g.projection = NEW.projection AND g.state = 'live');
BEGIN
    IF mine < of_live AND current_setting('acci.allow_older_rules', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION '% is live by newer rules than those of this program', NEW.projection
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Upgrade the program; if its rules are meant: acci run rebuild ' || NEW.projection
                         || ' --allow-older-rules';
    END IF;
    IF mine IS NULL OR mine < of_live THEN
        INSERT INTO acci.rules AS known (projection, fingerprint, number)
        SELECT NEW.projection, NEW.fingerprint, coalesce(max(r.number), 0) + 1
        FROM acci.rules AS r WHERE r.projection = NEW.projection
        ON CONFLICT (projection, fingerprint) DO UPDATE SET number = excluded.number;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER generations_note_rules BEFORE INSERT OR UPDATE OF fingerprint ON acci.generations
    FOR EACH ROW EXECUTE FUNCTION acci.note_rules();
