"""Read your writes: the position that an append returned is enough to wait for."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from math import nan
from types import SimpleNamespace

import pytest

from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.reading import waiting
from acci.store.reading.waiting import LONGEST_PAUSE, NotThereYet, wait_for
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Paid, event, stream


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, size=1) as database:
        yield database


def set_checkpoint(database: Database, position: int) -> None:
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO acci.generations (projection, state, fingerprint, definition, checkpoint)"
            " VALUES ('holders', 'live', '', '{}', %(position)s)"
            " ON CONFLICT (projection) WHERE state = 'live' DO UPDATE SET checkpoint = %(position)s",
            {"position": position},
        )


def test_it_returns_when_the_read_model_is_there(database: Database) -> None:
    store = EventStore(database, Catalogue((CONTEXT,)))
    position = store.append(stream("a"), 0, [event(Paid(amount=Decimal(1)), 1)])[0].position
    set_checkpoint(database, 0)
    later = threading.Timer(0.2, set_checkpoint, (database, position + 3))
    later.start()
    # The pool has one connection: were it held while waiting, nobody could move the checkpoint.
    assert wait_for(database, "holders", position, timeout=30) == position + 3
    later.join()
    assert wait_for(database, "holders", position, timeout=0) == position + 3


def test_waiting_times_out_and_says_where_the_read_model_is(database: Database) -> None:
    with pytest.raises(NotThereYet) as unpublished:
        wait_for(database, "holders", 5, timeout=0.05)
    assert unpublished.value.args == ("holders", 5, None, 0.05)
    set_checkpoint(database, 4)
    with pytest.raises(NotThereYet) as behind:
        wait_for(database, "holders", 5, timeout=0)
    assert behind.value.checkpoint == 4
    assert behind.value.transient


@pytest.mark.parametrize("timeout", [nan, -1.0])
def test_an_invalid_timeout_polls_once(database: Database, timeout: float) -> None:
    set_checkpoint(database, 4)
    assert wait_for(database, "holders", 4, timeout) == 4
    with pytest.raises(NotThereYet):
        wait_for(database, "holders", 5, timeout)


def test_a_read_model_caught_up_at_the_last_poll_counts(database: Database) -> None:
    set_checkpoint(database, 5)
    assert wait_for(database, "holders", 5, timeout=0) == 5


def test_it_never_sleeps_beyond_the_timeout(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only pauses move, which double: the last one would end late."""
    pauses = [0.0]
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(waiting, "time", clock)
    set_checkpoint(database, 4)
    with pytest.raises(NotThereYet):
        wait_for(database, "holders", 5, timeout=1.0)
    assert sum(pauses) == pytest.approx(1.0)
    assert max(pauses) <= LONGEST_PAUSE
