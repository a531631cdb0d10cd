"""An exception in an aggregate's code stops only that aggregate: not others, compaction, audits or histories."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self
from uuid import uuid4

import pytest
from pydantic import field_serializer, field_validator

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.events import Event, EventData, StreamId
from acci.store.aggregates.compaction import compact
from acci.store.aggregates.history import history
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import audited
from tests.integration.projecting.test_exceptions_of_user_code import RAISED


def stumble(place: str, text: str) -> None:
    number = os.environ.get(f"RAISED_BY_{place}")
    if number and text == "bad":
        raise RAISED[int(number)]


class Said(EventData):
    text: str

    @field_validator("text")
    @classmethod
    def read(cls, text: str) -> str:
        stumble("event", text)
        return text

    @field_serializer("text")
    def write(self, text: str) -> str:
        stumble("writer", text)
        return text


class Say(CommandData):
    aggregate_id_field: ClassVar[str] = "speaker"

    speaker: str
    text: str


class Speaker(Aggregate):
    snapshot_every: ClassVar[int | None] = 2

    text: str = ""

    @field_validator("text")
    @classmethod
    def read(cls, text: str) -> str:
        stumble("state", text)
        return text

    @field_serializer("text")
    def write(self, text: str) -> str:
        stumble("state_writer", text)
        return text

    @decides(Say)
    def say(self, command: Command[Say]) -> Said:
        stumble("decides", command.data.text)
        return Said(text=command.data.text)

    @evolves(Said)
    def said(self, event: Event[Said]) -> Self:
        stumble("evolves", event.data.text)
        return self.model_copy(update={"text": event.data.text})


CATALOGUE = Catalogue((Context(name="speaking", sql=Path(__file__).parent, events=(Said,), aggregates=(Speaker,)),))
PLACES = ("event", "writer", "state", "state_writer", "decides", "evolves")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, 2, "append") as opened:
        yield opened


def say(database: Database, speaker: str, text: str) -> None:
    """As a process of its own would."""
    metadata = CommandMetadata(user_id="me", correlation_id="r", tenant_id="t", timestamp=datetime.now(UTC))
    handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
    handler.handle(Command(uuid4(), Say(speaker=speaker, text=text), metadata))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", range(len(RAISED)), ids=[type(raised).__name__ for raised in RAISED])
def test_an_exception_stops_only_its_own_aggregate(
    connection: Connection, database: Database, place: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("good", "bad", "good", "good"):
        say(database, "sound", "good")
        say(database, "torn", text)
    compact(connection, CATALOGUE, Speaker, keep=9)
    for text in ("bad", "bad"):
        say(database, "sound", "good")
        say(database, "torn", text)
    monkeypatch.setenv(f"RAISED_BY_{place}", str(number))

    done = compact(connection, CATALOGUE, Speaker, keep=9)
    assert connection.execute("SELECT max(version) FROM acci.snapshots WHERE aggregate_id = 'sound'").fetchone() == (6,)
    assert done.due == done.taken + done.unreadable + done.refusals
    for audit in audited(connection, CATALOGUE):
        assert {each.place.get("aggregate_id") for each in audit.found} <= {None, "torn"}, audit
    store = EventStore(database, CATALOGUE)
    changes = list(history(store, CATALOGUE, StreamId("t", "Speaker", "torn")))
    assert [change.event.version for change in changes] == [1, 2, 3, 4, 5, 6]
    say(database, "sound", "good")
