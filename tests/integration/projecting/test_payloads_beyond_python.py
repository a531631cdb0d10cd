"""Payloads and defaults that PostgreSQL keeps and Python cannot read: they stop their own rows and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection, Projection, Upsert, on
from acci.domain.projections.python_folds import Row
from acci.store.postgres.database import Connection
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build as rebuilding
from acci.store.rebuilding import gate
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import audited

PAYLOADS = {
    "5,000 levels": f'{{"text": "x", "more": {"[" * 5000}{"]" * 5000}}}',
    "900 levels": f'{{"text": "x", "more": {"[" * 900}{"]" * 900}}}',
    "5,000 digits": f'{{"text": "x", "more": {"9" * 5000}}}',
}


class Noted(EventData):
    text: str
    more: Any = None


class Folded(FoldProjection):
    key = ("tenant_id", "id")
    handles = (Noted,)

    def evolve(self, row: Row | None, event: Event[Noted]) -> Row | None:
        return (row or {}) | {"text": event.data.text}


class Ruled(Projection):
    key = ("tenant_id", "id")

    @on(Noted)
    def noted(self, event: Event[Noted]) -> Upsert:
        return Upsert(text=event.data.text, more=event.data.more)


def catalogue(folder: Path, projection: type[Projection], columns: str) -> Catalogue:
    (folder / "read_models").mkdir()
    table = f"CREATE TABLE {projection.name} (tenant_id text, id text, {columns}, PRIMARY KEY (tenant_id, id));"
    (folder / "read_models" / f"{projection.name}.sql").write_text(table)
    return Catalogue((Context(name="notes", sql=folder, events=(Noted,), projections=(projection,)),))


def note(connection: Connection, aggregate: str, payload: str) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), gen_random_uuid(), 1, 't', 'Note', %s, 'Noted', %s::jsonb,
                   '{"tenant_id": "t", "correlation_id": "r"}')""",
        (aggregate, payload),
    )


def rebuild(connection: Connection, known: Catalogue, projection: type[Projection]) -> None:
    """Through the gate."""
    thresholds = gate.GateThresholds(dead_letters=True, changes=100)
    rebuilding.rebuild(
        connection, known, projection, rebuilding.RebuildOptions(thresholds=thresholds), rebuilding.STEPS
    )


def sound(connection: Connection, projection: type[Projection]) -> None:
    """The rows of other keys are right, by audit and by query."""
    query = sql.SQL("SELECT id, text FROM {} WHERE id <> 'odd' ORDER BY id")
    rows = connection.execute(query.format(sql.Identifier("read", projection.name))).fetchall()
    assert rows == [("a", "one"), ("z", "one")]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("projection", [Folded, Ruled])
def test_a_payload(connection: Connection, tmp_path: Path, projection: type[Projection], payload: str) -> None:
    columns = "text text" if projection is Folded else "text text, more jsonb"
    known = catalogue(tmp_path, projection, columns)
    rebuilding.rebuild(connection, known, projection)
    for aggregate, data in (("a", '{"text": "one"}'), ("odd", payload), ("z", '{"text": "one"}')):
        note(connection, aggregate, data)
    assert catch_up(connection, known, projection).dead_letters == (projection is Folded)
    sound(connection, projection)
    for audit in audited(connection, known):
        assert {each.place.get("id") for each in audit.found} <= {None, "odd"}, audit
    then = {row["id"]: row["text"] for row in rows_as_of(connection, known, projection)}
    assert (then["a"], then["z"]) == ("one", "one")
    rebuild(connection, known, projection)
    dead_letters.retry(connection, known, projection)
    sound(connection, projection)
    for letter in dead_letters.letters(connection):
        assert letter.event_type == "Noted"
        dead_letters.discard(connection, known, letter.dead_letter, "too deep")
    rebuild(connection, known, projection)
    sound(connection, projection)


@pytest.mark.parametrize(
    "default", ["date DEFAULT 'infinity'", "timestamptz DEFAULT 'infinity'", "date DEFAULT '0044-03-15 BC'"]
)
def test_a_default(connection: Connection, tmp_path: Path, default: str) -> None:
    """Every row has it, and the reference engine a second opinion on every row."""
    known = catalogue(tmp_path, Ruled, f"text text, more jsonb, until {default}")
    rebuilding.rebuild(connection, known, Ruled)
    note(connection, "a", '{"text": "one"}')
    note(connection, "z", '{"text": "one"}')
    catch_up(connection, known, Ruled)
    sound(connection, Ruled)
    assert [found for audit in audited(connection, known) for found in audit.found] == []
    rebuild(connection, known, Ruled)
