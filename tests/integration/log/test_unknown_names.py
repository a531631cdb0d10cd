"""Names that nobody registered, and one text where a list is meant, are refused at once."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from acci.domain.aggregates import Aggregate
from acci.domain.errors import NotAList, UnknownName
from acci.store.aggregates.loading import WrongAggregate
from acci.store.aggregates.repository import Repository
from acci.store.auditing.audit import chosen
from acci.store.backfilling.selection import Choice
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.reading.waiting import wait_for
from acci.store.registry import Catalogue, load
from tests.domains.ledger import CONTEXT, TENANT, Account, Paid, event, stream
from tests.support.shell import acci, refusal

CATALOGUE = Catalogue((CONTEXT,))


class Deposit(Aggregate):
    """Registered nowhere, or of another stream."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, size=1, role="append") as database:
        yield database


@pytest.fixture
def store(database: Database) -> EventStore:
    store = EventStore(database, CATALOGUE)
    store.append(stream("a"), 0, [event(Paid(amount=Decimal(1)), 1)])
    return store


def test_reading_events_of_unknown_types(store: EventStore) -> None:
    with pytest.raises(NotAList, match=r"Give \('Paid',\)"):
        store.read_all(event_types="Paid", tenant_id=TENANT)
    with pytest.raises(UnknownName, match="no event named 'Payed'. Known: Closed, Opened, Paid"):  # noqa: RUF043
        store.read_all(event_types=["Paid", "Payed"], tenant_id=TENANT)
    assert list(store.read_all(event_types=[], tenant_id=TENANT)) == []


def test_a_stream_is_folded_by_its_own_aggregate_only(store: EventStore) -> None:
    with pytest.raises(WrongAggregate, match="'a' is a stream of Account, not of Deposit"):
        Repository(store).load(Deposit, stream("a"))
    with pytest.raises(WrongAggregate):
        Repository(store).save_snapshot(stream("a"), 1, Deposit())
    assert Repository(store).load(Account, stream("a")).version == 1


def test_waiting_for_an_unknown_projection_fails_at_once(database: Database) -> None:
    with pytest.raises(UnknownName, match="no projection named 'nobodys_view'. Known: .*holders"):  # noqa: RUF043
        wait_for(database, "nobodys_view", 1, timeout=10_000)


@pytest.mark.parametrize(
    "call",
    [
        lambda: load("tests.domains.ledger"),
        lambda: Choice(tenants="acme"),  # type: ignore[arg-type]
        lambda: Choice(event_types="Paid"),  # type: ignore[arg-type]
        lambda: Choice(columns="title"),  # type: ignore[arg-type]
        lambda: chosen(CATALOGUE, "event_ids", None),
    ],
)
def test_one_text_is_not_a_list_of_names(call: Callable[[], Any]) -> None:
    with pytest.raises(NotAList):
        call()


def test_the_command_line_refuses_an_unknown_aggregate(store: EventStore, database_url: str) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger"}
    told = refusal(acci("history", "a", "--tenant", TENANT, "--type", "Acount", **place))
    assert told == "There is no aggregate named 'Acount'. Known: Account."
    assert store.version(stream("a")) == 1
    told = refusal(acci("findings", "--check", "event_idz", **place))
    assert told.startswith("There is no check named 'event_idz'. Known: ")
