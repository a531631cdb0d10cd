"""An exception of domain code at one event stops only that event's key, in every engine."""

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import field_validator

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection
from acci.domain.projections.python_folds import Key, Row
from acci.store.backfilling.selection import Choice
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build
from acci.store.rebuilding.gate import GateThresholds
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import audited
from tests.support.read_models import backfill


class OfTheirOwn(Exception):
    """A BaseException that no library raises."""


class Unsayable(Exception):
    """An exception whose text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unspeakable(Exception):
    """What has characters in its text that PostgreSQL cannot keep."""

    def __str__(self) -> str:
        return "NUL \0 and half a \ud800"


RAISED = (
    ValueError("no"),
    TypeError("no"),
    KeyError("no"),
    ZeroDivisionError("no"),
    OverflowError("no"),
    RecursionError("no"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no"),
    psycopg.DataError("no"),
    AssertionError(),
    OfTheirOwn("no"),
    Unsayable(),
    Unspeakable(),
    ValueError(str(Unspeakable())),
    ExceptionGroup("no \0", [ValueError("\ud800")]),
)


def stumble(place: str) -> None:
    """Raise what the environment says, which is no part of a fold's rules, so that it can be mended."""
    if number := os.environ.get(f"RAISED_BY_{place}"):
        raise RAISED[int(number)]


class Noted(EventData):
    text: str

    @field_validator("text")
    @classmethod
    def read(cls, text: str) -> str:
        if text == "reader":
            stumble(text)
        return text


class Notes(FoldProjection):
    """The texts of each."""

    key = ("tenant_id", "id")
    handles = (Noted,)

    def keys(self, event: Event[Any]) -> list[Key]:
        if event.data.text == "keys":
            stumble(event.data.text)
        return [(event.metadata.tenant_id, event.aggregate_id)]

    def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
        if event.data.text == "fold":
            stumble(event.data.text)
        return {"texts": [*(row["texts"] if row else []), event.data.text]}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "notes.sql").write_text(
        "CREATE TABLE notes (tenant_id text, id text, texts jsonb, PRIMARY KEY (tenant_id, id));"
    )
    return Catalogue((Context(name="notes", sql=tmp_path, events=(Noted,), projections=(Notes,)),))


def note(connection: Connection, version: int, **texts: str) -> None:
    for aggregate, text in texts.items():
        connection.execute(
            """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                        data, metadata)
               VALUES (now(), gen_random_uuid(), %s, 't', 'Note', %s, 'Noted', jsonb_build_object('text', %s::text),
                       '{}')""",
            (version, aggregate, text),
        )


def rows(connection: Connection) -> dict[str, list[str]]:
    return dict(connection.execute("SELECT id, texts FROM read.notes ORDER BY id").fetchall())


@pytest.mark.parametrize("place", ["reader", "keys", "fold"])
@pytest.mark.parametrize("number", range(len(RAISED)), ids=[type(raised).__name__ for raised in RAISED])
def test_only_the_key_of_the_event_is_stopped(
    connection: Connection, catalogue: Catalogue, place: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RAISED_BY_{place}", str(number))
    build.rebuild(connection, catalogue, Notes)
    note(connection, 1, a="one", b="one", c="one")
    note(connection, 2, a="two", b=place, c="two")
    assert batches.catch_up(connection, catalogue, Notes).dead_letters == 1
    sound = {"a": ["one", "two"], "c": ["one", "two"]}
    assert rows(connection) == sound | {"b": ["one"]}

    backfill(connection, catalogue, Notes, Choice(tenants=("t",)))
    for audit in audited(connection, catalogue, projection="notes"):
        assert {each.place.get("id") for each in audit.found} <= {None, "b"}, audit
    then = {row["id"]: row["texts"] for row in rows_as_of(connection, catalogue, Notes, 6, None, None)}
    assert {name: then[name] for name in sound} == sound

    options = build.RebuildOptions(thresholds=GateThresholds(dead_letters=True, changes=100))
    assert build.rebuild(connection, catalogue, Notes, options, build.STEPS) is not None
    assert rows(connection) == sound | {"b": ["one"]}

    monkeypatch.delenv(f"RAISED_BY_{place}")
    dead_letters.retry(connection, catalogue, Notes)
    assert rows(connection) == sound | {"b": ["one", place]}
