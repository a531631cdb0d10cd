"""Events that could not be decided and deliveries that failed for good: seen, retried, discarded; their keys go on."""

from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from acci.domain.contexts import Context
from acci.domain.effects import Message
from acci.domain.errors import UnknownName
from acci.domain.events import Event, EventData, RecordedEvent
from acci.domain.folding import evolves
from acci.domain.personal import ERASED, Personal
from acci.domain.reactions import Reaction, reacts
from acci.store.encryption.key_store import KeyStore
from acci.store.encryption.payload_encryption import encrypt_value
from acci.store.log import high_water
from acci.store.postgres.database import Connection, connect
from acci.store.reacting.batches import Batcher, Decided
from acci.store.reacting.dead_letters import NoDeadLetter, letter, letters, payload_of
from acci.store.reacting.registrations import NotRegistered, ReactionPaused, pause, register
from acci.store.reacting.retrying import NoReason, Retried, discard, retry
from acci.store.registry import Catalogue
from tests.domains.shipping import ParcelSent
from tests.support.parcels import sent


class Weighing(Reaction):
    """The sum of a parcel's weights. It cannot decide on a parcel that weighs nothing."""

    name: ClassVar[str] = "weighing"

    total: int = 0

    @evolves(ParcelSent)
    def add(self, event: Event[ParcelSent]) -> Self:
        return self.changed(total=self.total + event.data.weight)

    @reacts(ParcelSent)
    def weigh(self, event: RecordedEvent[ParcelSent]) -> list[Message]:
        return [Message("weights", {"total": self.total, "share": 100 // event.data.weight})]


class Mended(Weighing):
    """It can."""

    name: ClassVar[str] = "weighing"

    @reacts(ParcelSent)
    def weigh_all(self, _: RecordedEvent[ParcelSent]) -> Message:
        return Message("weights", {"total": self.total})


class ByRecipient(Mended):
    """It can, and its key is another."""

    name: ClassVar[str] = "weighing"
    keys: ClassVar = {ParcelSent: "to"}


def of(reaction: type[Reaction], *events: type[EventData]) -> Catalogue:
    return Catalogue((Context("shipping", Path(), events or (ParcelSent,), reactions=(reaction,)),))


BROKEN, MENDED = of(Weighing), of(Mended)


def decide(connection: Connection, reaction: type[Reaction], catalogue: Catalogue = BROKEN) -> Decided:
    return Batcher(connection, catalogue, reaction).decide(high_water.establish(connection).position)


def payloads(connection: Connection) -> list[Any]:
    rows = connection.execute("SELECT content -> 'payload' FROM acci.outbox ORDER BY rewind, position, ordinal")
    return [row[0] for row in rows]


def totals(connection: Connection) -> list[int]:
    return [each["total"] for each in payloads(connection)]


@pytest.fixture
def parked(connection: Connection) -> list[int]:
    """Positions: of the key a one that is decided, a dead letter, two that wait; of the key b one that is decided."""
    register(connection, Weighing)
    positions = [sent(connection, "a", weight) for weight in (1, 0, 2, 4)] + [sent(connection, "b", 8)]
    assert decide(connection, Weighing) == Decided(positions[-1], 2, 2, 2, 1)
    return positions


def fail_delivery(connection: Connection, key: str) -> None:
    connection.execute(
        "UPDATE acci.outbox_heads SET due = 'infinity', tries = 12, error = '503', last_tried = now() WHERE key = %s",
        (key,),
    )


def head(connection: Connection, key: str) -> tuple[Any, ...] | None:
    return connection.execute(
        "SELECT due <= now(), tries, error FROM acci.outbox_heads WHERE key = %s", (key,)
    ).fetchone()


def test_both_kinds_are_listed_with_what_waits_behind_them(connection: Connection, parked: list[int]) -> None:
    sent(connection, "b", 16)
    decide(connection, Weighing)
    fail_delivery(connection, "b")

    event, delivery = letters(connection, "weighing")

    assert (event.position, event.ordinal, event.place) == (parked[1], None, str(parked[1]))
    assert (event.tenant_id, event.key, event.kind, event.topic) == ("t", "a", "event", "ParcelSent")
    assert (event.error, event.tries, event.waiting) == ("integer division or modulo by zero", 1, 2)
    assert (delivery.position, delivery.ordinal, delivery.place) == (parked[4], 0, f"{parked[4]}/0")
    assert (delivery.key, delivery.kind, delivery.topic) == ("b", "message", "weights")
    assert (delivery.error, delivery.tries, delivery.waiting) == ("503", 12, 1)
    assert letters(connection, "another") == letters(connection, tenant_id="s") == []
    assert letters(connection) == letters(connection, "weighing", "t") == [event, delivery]
    assert letter(connection, "weighing", parked[4], 0) == delivery
    assert payload_of(connection, event) == {"to": "ann", "weight": 0}
    assert payload_of(connection, delivery) == {"payload": {"total": 8, "share": 12}, "headers": {}}


def test_one_that_is_none_is_refused_with_those_that_are(connection: Connection, parked: list[int]) -> None:
    for position, ordinal in ((parked[2], None), (parked[1], 0), (parked[4], 0), (10**12, None)):
        with pytest.raises(NoDeadLetter, match=rf"Its dead letters: {parked[1]}\."):
            retry(connection, MENDED, "weighing", position, ordinal)
        with pytest.raises(NoDeadLetter):
            discard(connection, MENDED, "weighing", position, ordinal, "so")
    with pytest.raises(NotRegistered):
        retry(connection, MENDED, "never")
    with pytest.raises(NotRegistered):
        discard(connection, MENDED, "never", 1, None, "so")


def test_a_retry_decides_the_key_in_order_on_its_state(connection: Connection, parked: list[int]) -> None:
    assert retry(connection, MENDED, "weighing", parked[1]) == Retried("weighing", decided=3, effects=3)

    assert totals(connection) == [1, 1, 3, 7, 8]
    assert letters(connection) == []
    assert connection.execute("SELECT count(*) FROM acci.undecided").fetchone() == (0,)
    assert connection.execute("SELECT position, state ->> 'total' FROM acci.processes WHERE key = 'a'").fetchall() == [
        (parked[3], "7")
    ]
    with pytest.raises(NoDeadLetter, match="It has none"):
        retry(connection, MENDED, "weighing", parked[1])
    assert retry(connection, MENDED, "weighing") == Retried("weighing"), "nothing is left to be done"
    sent(connection, "a", 8)
    decide(connection, Mended, MENDED)
    assert totals(connection)[-1] == 15


def test_a_retry_stops_at_the_first_that_fails_again(connection: Connection, parked: list[int]) -> None:
    assert retry(connection, BROKEN, "weighing", parked[1]) == Retried("weighing", failed=1, waiting=2)
    (again,) = letters(connection)
    assert (again.position, again.tries, again.waiting) == (parked[1], 2, 2)
    assert totals(connection) == [1, 8]

    more = sent(connection, "a", 0)
    decide(connection, Weighing)
    assert discard(connection, BROKEN, "weighing", parked[1], None, "a typo") == Retried(
        "weighing", decided=2, effects=2, failed=1
    )
    (left,) = letters(connection)
    assert (left.position, left.tries, left.waiting) == (more, 1, 0)


def test_a_discarded_event_is_left_out_of_the_state_and_its_key_goes_on(
    connection: Connection, parked: list[int]
) -> None:
    heavy = [sent(connection, "c", weight) for weight in (0, 1)]
    decide(connection, Weighing)
    connection.execute("DELETE FROM acci.processes")

    done = discard(connection, MENDED, "weighing", heavy[0], None, "sent by mistake")

    assert done == Retried("weighing", decided=1, effects=1)
    row = connection.execute("SELECT ended, effects, digest, reason FROM acci.outcomes WHERE position = %s", heavy[:1])
    assert row.fetchone() == ("discarded", 0, b"", f"sent by mistake (by {connection.info.user})")
    assert [each.position for each in letters(connection)] == [parked[1]], "other keys are left alone"
    connection.execute("DELETE FROM acci.processes")
    sent(connection, "c", 2)
    decide(connection, Mended, MENDED)
    assert totals(connection)[-1] == 3
    with pytest.raises(NoDeadLetter):
        discard(connection, MENDED, "weighing", heavy[0], None, "sent by mistake")


def test_all_of_a_reaction_are_retried_at_once(connection: Connection, parked: list[int]) -> None:
    sent(connection, "c", 0)
    decide(connection, Weighing)
    fail_delivery(connection, "b")
    assert retry(connection, MENDED, "weighing") == Retried("weighing", decided=4, effects=4, due=1)
    assert letters(connection) == []
    assert head(connection, "b") == (True, 0, "503")


def test_a_delivery_that_is_discarded_ends_and_the_next_of_its_key_is_due(
    connection: Connection, parked: list[int]
) -> None:
    second = sent(connection, "b", 16)
    decide(connection, Weighing)
    fail_delivery(connection, "b")

    assert discard(connection, BROKEN, "weighing", parked[4], 0, "gone") == Retried("weighing", due=1)

    assert head(connection, "b") == (True, 0, None)
    ended = connection.execute("SELECT position, ordinal, tries, ended, reason FROM acci.deliveries").fetchall()
    assert ended == [(parked[4], 0, 12, "discarded", f"gone (by {connection.info.user})")]
    fail_delivery(connection, "b")
    assert discard(connection, BROKEN, "weighing", second, 0, "gone too") == Retried("weighing")
    assert head(connection, "b") is None
    assert totals(connection) == [1]
    with pytest.raises(NoDeadLetter):
        discard(connection, BROKEN, "weighing", second, 0, "gone too")


def test_a_delivery_can_be_retried_while_its_reaction_is_paused_and_an_event_cannot(
    connection: Connection, parked: list[int]
) -> None:
    fail_delivery(connection, "b")
    pause(connection, "weighing", "we look at it")
    assert retry(connection, MENDED, "weighing", parked[4], 0).due == 1
    with pytest.raises(ReactionPaused):
        retry(connection, MENDED, "weighing", parked[1])
    with pytest.raises(ReactionPaused):
        discard(connection, MENDED, "weighing", parked[1], None, "so")
    assert len(letters(connection)) == 1


def test_a_discard_needs_a_reason_and_a_retry_of_an_event_the_class(connection: Connection, parked: list[int]) -> None:
    with pytest.raises(NoReason):
        discard(connection, MENDED, "weighing", parked[1], None, " \n")
    nothing = Catalogue(())
    with pytest.raises(UnknownName):
        retry(connection, nothing, "weighing")
    with pytest.raises(UnknownName):
        discard(connection, nothing, "weighing", parked[1], None, "so")
    fail_delivery(connection, "b")
    assert discard(connection, nothing, "weighing", parked[4], 0, "its class is gone") == Retried("weighing")


def test_nothing_is_decided_again_if_the_transaction_fails(
    connection: Connection, database_url: str, parked: list[int]
) -> None:
    connection.execute("ALTER TABLE acci.processes ADD CONSTRAINT no_sum CHECK (state ->> 'total' <> '7')")
    with connect(database_url, "other", "administer") as other, pytest.raises(Exception, match="no_sum"):
        retry(other, MENDED, "weighing")
    assert totals(connection) == [1, 8]
    assert letters(connection)[0].tries == 1


def test_an_event_whose_key_cannot_be_read_is_retried_on_the_state_of_its_position(connection: Connection) -> None:
    class Keyed(Weighing):
        name: ClassVar[str] = "weighing"
        keys: ClassVar = {ParcelSent: "to"}

    register(connection, Keyed)
    sent(connection, "a", 1)
    unreadable = sent(connection, "b", 2)
    sent(connection, "c", 4)
    connection.execute("ALTER TABLE acci.events DISABLE TRIGGER ALL")
    connection.execute("""UPDATE acci.events SET data = '{"to": "ann"}' WHERE position = %s""", (unreadable,))
    assert decide(connection, Keyed).dead_letters == 1
    (found,) = letters(connection)
    assert (found.key, found.error, found.waiting) == (None, "weight: field required.", 0)
    assert payload_of(connection, found) == {"to": "ann"}
    assert retry(connection, of(Keyed), "weighing") == Retried("weighing", failed=1)
    assert letters(connection)[0].tries == 2

    connection.execute(
        """UPDATE acci.events SET data = '{"to": "ann", "weight": 2}' WHERE position = %s""", (unreadable,)
    )
    assert retry(connection, of(Keyed), "weighing", unreadable) == Retried("weighing", decided=1, effects=1)

    assert totals(connection) == [1, 3, 5]
    sent(connection, "d", 8)
    decide(connection, Keyed, of(Keyed))
    assert totals(connection)[-1] == 15, "its state now has the late event too"


def test_an_event_without_a_key_is_discarded_by_itself(connection: Connection) -> None:
    register(connection, ByRecipient)
    position = sent(connection, "a", 1)
    connection.execute("ALTER TABLE acci.events DISABLE TRIGGER ALL")
    connection.execute("""UPDATE acci.events SET data = '{"to": ""}'""")
    catalogue = of(ByRecipient)
    assert decide(connection, ByRecipient, catalogue).dead_letters == 1
    assert discard(connection, catalogue, "weighing", position, None, "no parcel") == Retried("weighing")
    assert connection.execute("SELECT key, ended FROM acci.outcomes").fetchall() == [("", "discarded")]


def test_events_that_have_another_key_in_todays_code_are_decided_for_it(
    connection: Connection, parked: list[int]
) -> None:
    done = retry(connection, of(ByRecipient), "weighing")
    assert done == Retried("weighing", decided=3, effects=3)
    keys = connection.execute("SELECT key FROM acci.outcomes ORDER BY position").fetchall()
    assert keys == [("a",), ("ann",), ("ann",), ("ann",), ("b",)]
    assert totals(connection) == [1, 0, 2, 6, 8]


class NoteTaken(EventData):
    note: Personal[str]


class Noting(Reaction):
    """Of each note a message; one that says nothing cannot be decided on."""

    name: ClassVar[str] = "noting"

    @reacts(NoteTaken)
    def send(self, event: RecordedEvent[NoteTaken]) -> Message:
        if event.data.note == "nothing":
            raise ValueError(event.data.note)
        return Message("notes", {"note": event.data.note})


def take_note(connection: Connection, person: str, note: str) -> None:
    event_id = uuid4()
    data = {"note": encrypt_value(note, "t", person, str(event_id), connection.keys)}
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), %s, 1, 't', 'Person', %s, 'NoteTaken', %s, '{}')""",
        (event_id, person, Jsonb(data)),
    )


def test_personal_data_are_shown_until_they_are_erased_and_are_not_in_the_error(
    connection: Connection, keys: KeyStore
) -> None:
    connection.keys = keys
    catalogue = of(Noting, NoteTaken)
    register(connection, Noting)
    take_note(connection, "ann", "nothing")
    take_note(connection, "bob", "rye bread")
    decide(connection, Noting, catalogue)
    fail_delivery(connection, "bob")
    event, delivery = letters(connection)
    assert "nothing" not in event.error
    assert payload_of(connection, event) == {"note": "nothing"}
    assert payload_of(connection, delivery)["payload"] == {"note": "rye bread"}
    for person in ("ann", "bob"):
        keys.destroy("t", person)
    assert payload_of(connection, event) == {"note": ERASED}
    assert payload_of(connection, delivery) == ERASED
    assert retry(connection, catalogue, "noting", event.position) == Retried("noting", decided=1, effects=1)
