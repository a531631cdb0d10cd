"""What reactions decided, or what follows from it, is not as it was stored; parcels, not the bank.

`tests/integration/auditing/test_reactions.py` says what is there before: parcels a to f, of which c is a dead letter
with another event behind it, and of d everything was delivered.
"""

from typing import LiteralString

from acci.store.postgres.database import Connection
from tests.support.corruptions import OF_REACTIONS, Wrong, corruption


def changed(connection: Connection, statement: LiteralString, check: str, **place: str) -> Wrong:
    """`statement` changes exactly one row."""
    assert connection.execute(statement).rowcount == 1
    return Wrong(check, None, place)


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_gone(connection: Connection) -> Wrong:
    row = connection.execute(
        """DELETE FROM acci.outcomes WHERE reaction = 'announcement' AND key = 'a' RETURNING position::text"""
    ).fetchone()
    assert row is not None
    return Wrong("outcomes", None, {"reaction": "announcement", "tenant_id": "t", "position": row[0]})


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_gone_of_one_that_was_undecided(connection: Connection) -> Wrong:
    """Nobody would ever decide it."""
    row = connection.execute(
        "DELETE FROM acci.undecided WHERE reaction = 'announcement' AND error IS NULL RETURNING position::text"
    ).fetchone()
    assert row is not None
    return Wrong("outcomes", None, {"reaction": "announcement", "tenant_id": "t", "position": row[0]})


@corruption(repairable=False, of=OF_REACTIONS)
def checkpoint_moved_over_events(connection: Connection) -> Wrong:
    """As if a batch had been skipped."""
    row = connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (clock_timestamp(), gen_random_uuid(), 1, 't', 'Parcel', 'z', 'ParcelSent',
                   '{"to": "x", "weight": 1}', '{"correlation_id": "c", "tenant_id": "t"}')
           RETURNING position"""
    ).fetchone()
    assert row is not None
    connection.execute("UPDATE acci.reactions SET checkpoint = %s", row)
    return Wrong("outcomes", None, {"reaction": "tracking", "tenant_id": "t", "position": str(row[0])})


@corruption(repairable=False, of=OF_REACTIONS)
def event_decided_and_undecided(connection: Connection) -> Wrong:
    row = connection.execute(
        """INSERT INTO acci.undecided (position, rewind, reaction, tenant_id, key, event_type, error)
           SELECT position, rewind, reaction, tenant_id, key, 'ParcelSent', 'no' FROM acci.outcomes
           WHERE reaction = 'announcement' AND key = 'a' RETURNING position::text"""
    ).fetchone()
    assert row is not None
    return Wrong("outcomes", None, {"reaction": "announcement", "tenant_id": "t", "position": row[0]})


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_of_no_event(connection: Connection) -> Wrong:
    return changed(
        connection,
        """INSERT INTO acci.outcomes (position, rewind, effects, reaction, tenant_id, key, digest)
           VALUES (1000000, 0, 0, 'announcement', 't', 'a', '')""",
        "outcome_events",
        reaction="announcement",
        position="1000000",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_of_an_event_that_is_not_handled(connection: Connection) -> Wrong:
    row = connection.execute(
        """INSERT INTO acci.outcomes (position, rewind, effects, reaction, tenant_id, key, digest)
           SELECT position, 0, 0, 'announcement', tenant_id, aggregate_id, '' FROM acci.events
           WHERE event_type = 'ParcelArrived' LIMIT 1 RETURNING position::text"""
    ).fetchone()
    assert row is not None
    return Wrong("outcome_events", None, {"reaction": "announcement", "tenant_id": "t", "position": row[0]})


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_of_another_tenant(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.outcomes SET tenant_id = 'other' WHERE reaction = 'announcement' AND key = 'a'",
        "outcome_events",
        reaction="announcement",
        tenant_id="other",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def outcome_of_a_rewind_that_never_was(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.outcomes SET rewind = 7 WHERE reaction = 'announcement' AND key = 'a'",
        "outcome_events",
        reaction="announcement",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def outbox_row_lost(connection: Connection) -> Wrong:
    connection.execute("DELETE FROM acci.outbox_heads WHERE reaction = 'announcement' AND key = 'a'")
    return changed(
        connection,
        "DELETE FROM acci.outbox WHERE reaction = 'announcement' AND key = 'a'",
        "effects",
        reaction="announcement",
        tenant_id="t",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def outbox_row_that_was_delivered_already(connection: Connection) -> Wrong:
    return changed(
        connection,
        """INSERT INTO acci.deliveries (position, rewind, ordinal, tries, reaction, ended)
           SELECT position, rewind, ordinal, 1, reaction, 'delivered' FROM acci.outbox
           WHERE reaction = 'announcement' AND key = 'a'""",
        "effects",
        reaction="announcement",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def delivery_without_an_outcome(connection: Connection) -> Wrong:
    return changed(
        connection,
        """INSERT INTO acci.deliveries (position, rewind, ordinal, tries, reaction, ended)
           VALUES (1, 9, 0, 1, 'announcement', 'delivered')""",
        "effects",
        reaction="announcement",
        rewind="9",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def delivery_forgotten_for_hours(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.outbox_heads SET due = due - interval '1 hour' WHERE reaction = 'announcement' AND key = 'a'",
        "undelivered",
        reaction="announcement",
        key="a",
    )


@corruption(repairable=True, of=OF_REACTIONS)
def head_lost(connection: Connection) -> Wrong:
    return changed(
        connection,
        "DELETE FROM acci.outbox_heads WHERE reaction = 'announcement' AND key = 'a'",
        "outbox_heads",
        reaction="announcement",
        key="a",
    )


@corruption(repairable=True, of=OF_REACTIONS)
def head_without_rows(connection: Connection) -> Wrong:
    return changed(
        connection,
        "INSERT INTO acci.outbox_heads (reaction, tenant_id, key) VALUES ('announcement', 't', 'nobody')",
        "outbox_heads",
        reaction="announcement",
        key="nobody",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def dead_letter_gone(connection: Connection) -> Wrong:
    """What waits behind it waits for ever."""
    connection.execute(
        """INSERT INTO acci.outcomes (position, rewind, effects, reaction, tenant_id, key, digest)
           SELECT position, rewind, 0, reaction, tenant_id, key, '' FROM acci.undecided WHERE error IS NOT NULL"""
    )
    connection.execute("DELETE FROM acci.undecided WHERE error IS NOT NULL")
    return Wrong("undecided", None, {"reaction": "announcement", "tenant_id": "t"})


@corruption(repairable=False, of=OF_REACTIONS)
def dead_letter_of_no_event(connection: Connection) -> Wrong:
    return changed(
        connection,
        """INSERT INTO acci.undecided (position, rewind, reaction, tenant_id, key, event_type, error)
           VALUES (1000000, 0, 'announcement', 't', 'q', 'ParcelSent', 'no')""",
        "undecided",
        reaction="announcement",
        position="1000000",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def digest_changed(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.outcomes SET digest = sha256('x') WHERE reaction = 'announcement' AND key = 'a'",
        "decisions",
        reaction="announcement",
        tenant_id="t",
        key="a",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def outcomes_exchanged(connection: Connection) -> Wrong:
    """Each is of a key that the other is of."""
    connection.execute(
        """UPDATE acci.outcomes SET key = CASE key WHEN 'a' THEN 'b' ELSE 'a' END
           WHERE reaction = 'tracking' AND key IN ('a', 'b')"""
    )
    return Wrong("decisions", None, {"reaction": "tracking", "tenant_id": "t"})


@corruption(repairable=True, of=OF_REACTIONS)
def state_edited(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.processes SET state = jsonb_set(state, '{steps}', '40') WHERE key = 'a'",
        "processes",
        reaction="tracking",
        tenant_id="t",
        key="a",
    )


@corruption(repairable=True, of=OF_REACTIONS)
def state_of_another_key(connection: Connection) -> Wrong:
    return changed(
        connection,
        """UPDATE acci.processes SET state = (SELECT state FROM acci.processes WHERE key = 'd')
           WHERE key = 'a'""",
        "processes",
        reaction="tracking",
        key="a",
    )


@corruption(repairable=True, of=OF_REACTIONS)
def state_that_is_no_object(connection: Connection) -> Wrong:
    return changed(
        connection, "UPDATE acci.processes SET state = '[]' WHERE key = 'a'", "processes", reaction="tracking", key="a"
    )


@corruption(repairable=True, of=OF_REACTIONS)
def state_of_no_event(connection: Connection) -> Wrong:
    return changed(
        connection,
        """INSERT INTO acci.processes (position, reaction, tenant_id, key, state_schema, state)
           SELECT position, reaction, tenant_id, 'nobody', state_schema, state FROM acci.processes WHERE key = 'a'""",
        "processes",
        reaction="tracking",
        key="nobody",
    )


@corruption(repairable=True, of=OF_REACTIONS)
def state_kept_for_a_person(connection: Connection) -> Wrong:
    return changed(
        connection, "UPDATE acci.processes SET subject = 'x' WHERE key = 'a'", "processes", reaction="tracking", key="a"
    )


@corruption(repairable=False, of=OF_REACTIONS)
def timer_of_no_decision(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.timers SET key = 'nobody' WHERE key = 'a'",
        "timers",
        reaction="tracking",
        tenant_id="t",
        key="nobody",
        name="overdue",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def timer_of_another_event(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.timers SET caused_by = gen_random_uuid() WHERE key = 'a'",
        "timers",
        reaction="tracking",
        key="a",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def timer_that_did_not_fire(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.timers SET due = clock_timestamp() - interval '1 hour' WHERE key = 'a'",
        "overdue_timers",
        reaction="tracking",
        key="a",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def checkpoint_beyond_the_log(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.reactions SET checkpoint = 1000000 WHERE reaction = 'tracking'",
        "reaction_checkpoints",
        reaction="tracking",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def checkpoint_before_the_beginning(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.reactions SET checkpoint = 0 WHERE reaction = 'announcement'",
        "reaction_checkpoints",
        reaction="announcement",
    )


@corruption(repairable=False, of=OF_REACTIONS)
def rewind_without_a_record(connection: Connection) -> Wrong:
    return changed(
        connection,
        "UPDATE acci.reactions SET rewind = 3 WHERE reaction = 'announcement'",
        "reaction_checkpoints",
        reaction="announcement",
    )
