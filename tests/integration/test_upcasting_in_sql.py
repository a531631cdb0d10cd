"""Old payloads mean the same to the compiled SQL as to Python, whatever steps lead from them to today."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model
from sqlalchemy.engine import make_url

from domain.errors import CannotApply
from domain.events import EventData, EventMetadata
from domain.projections.reference import apply
from domain.projections.views import EventView
from domain.upcasting import Upcaster, leaf_of, upcast
from store.bulk import RawEvent
from store.catalogue import Catalogue
from store.database import Connection, Database
from store.events import EventStore
from store.projecting import generations, rebuilding
from store.projecting.batches import catch_up
from store.projecting.compiling import text_of
from store.projecting.translation import EVENTS, translate
from tests.ledger import CONTEXT, TENANT, Holders
from tests.read_models import live, rows_of
from tests.strategies.upcasting import Evolution, evolutions

CATALOGUE = Catalogue((CONTEXT,))
POSTGRESQL = make_url("postgresql://").get_dialect()()
INSERT = """
    INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (now(), gen_random_uuid(), %s, %s, 't', 'T', 'a', 'Changing', %s, '{}')
"""


def test_any_chain_of_steps_gives_the_same_in_sql_and_in_python(connection: Connection) -> None:
    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), evolutions())
    def agree(data: st.DataObject, evolution: Evolution) -> None:
        payloads = data.draw(st.lists(evolution.payloads(), min_size=1, max_size=5))
        event = evolution.event()
        names = list(event.model_fields)
        expected = [
            {name: getattr(event.model_validate_json(upcast(event, version, json.dumps(old))), name) for name in names}
            for version, old in payloads
        ]
        view = EventView(event, leaf_of(event))
        columns = [translate(getattr(view.data, name)).label(name) for name in names]
        select = sa.select(*columns, sa.literal(1)).select_from(EVENTS).order_by(EVENTS.c.version)
        text = str(select.compile(dialect=POSTGRESQL, compile_kwargs={"literal_binds": True}))
        with connection.transaction(force_rollback=True):
            for place, (version, old) in enumerate(payloads, 1):
                connection.execute(INSERT, (place, version, json.dumps(old)))
            rows = connection.execute(text.encode(), prepare=False).fetchall()
        assert [dict(zip(names, row, strict=False)) for row in rows] == expected

    agree()


class Colour(Enum):
    RED = "red"


class Inner(BaseModel):
    x: int = 7
    y: str | None = None


DEFAULTS: dict[str, tuple[Any, Any]] = {
    "listed": (list[str], ["none", "it's", '"', "50%", ":x", "\\", "é", "\n"]),
    "mapped": (dict[str, Any], {"n": 1, "a": "it's", "%": None, "e": [], "é\\": 1.5}),
    "nested": (dict[str, dict[str, int]], {"a": {"b": 1}}),
    "a_set": (set[str], {"x"}),
    "a_tuple": (tuple[int, ...], (1, 2)),
    "truths": (list[bool], [True, False]),
    "decimals": (list[Decimal], [Decimal("1.50"), Decimal("-0.005")]),
    "ids": (list[UUID], [UUID(int=5)]),
    "days": (list[date], [date(2020, 1, 31)]),
    "moments": (list[datetime], [datetime(2020, 1, 1, tzinfo=UTC)]),
    "models": (list[Inner], [Inner(x=1)]),
    "colours": (list[Colour], [Colour.RED]),
    "infinite": (list[float], [float("inf")]),
    "either": (int | str, 5),
    "anything": (Any, "5"),
    "any_moment": (Any, datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
    "any_number": (Any, 2.50),
    "content": (bytes, b"\xff\x00"),
    "clock": (time, time(1, 2)),
    "lasting": (timedelta, timedelta(days=1)),
    "colour": (Colour, Colour.RED),
    "unknown": (list[str] | None, None),
}


@pytest.mark.parametrize("returns", [False, True], ids=["added", "returned"])
def test_a_default_of_any_kind_is_in_sql_what_python_stores(connection: Connection, returns: bool) -> None:
    """Whether an upcaster gives it, or pydantic in the place of a field that was dropped and is back."""
    payload = '{"d": "of another shape"}' if returns else "{}"
    connection.execute(INSERT, (1, 1, payload))
    for kind, value in DEFAULTS.values():
        event = create_model("Changing", __base__=EventData, d=(kind, value) if returns else (kind, ...))
        event.schema_version = 2
        event.upcasters = (Upcaster(1, drop=("d",)) if returns else Upcaster(1, default={"d": value}),)
        python = event.model_validate_json(upcast(event, 1, payload))
        selected = sa.select(translate(EventView(event, leaf_of(event)).data.d)).select_from(EVENTS)
        row = connection.execute(text_of(selected).encode(), {}, prepare=False).fetchone()
        assert row == (json.loads(python.model_dump_json())["d"],)


def raw(version: int, event_type: str, schema_version: int, **payload: Any) -> RawEvent:
    metadata = EventMetadata(TENANT, "c")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return RawEvent(uuid4(), "a", "Account", event_type, version, json.dumps(payload), metadata, moment, schema_version)


OLD = [
    raw(1, "Opened", 1, name="Ann van Berg", nation="NL"),
    raw(2, "Paid", 1, cents=1250),
    raw(3, "Opened", 2, holder="Ann Berg", nation="BE", currency="USD", note="n"),
    raw(4, "Paid", 2, amount="7.25"),
]


def test_a_read_model_is_built_from_events_of_every_version(connection: Connection, database_url: str) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        store.append_in_bulk(OLD[:2])
        rebuilding.rebuild(connection, CATALOGUE, Holders)
        first = (TENANT, "a", "Ann", "van Berg", "NL", "EUR", None, Decimal("12.50"))
        assert rows_of(connection, Holders) == [first]
        store.append_in_bulk(OLD[2:])
        catch_up(connection, CATALOGUE, Holders)
        second = (TENANT, "a", "Ann", "Berg", "BE", "USD", "n", Decimal("7.25"))
        assert rows_of(connection, Holders) == [second]
        columns = live(connection, Holders).read_model(connection).columns
        typed = list(store.read_all())
        untyped = [replace(e, data=json.loads(o.data)) for e, o in zip(typed, OLD, strict=True)]
        for events in (typed, untyped):
            (row,) = apply(Holders, columns, {}, events).values()
            assert tuple(row[column.name] for column in columns) == second


@pytest.mark.parametrize("schema_version", [0, 5])
def test_a_version_that_nobody_can_read_is_held_back_by_both(
    connection: Connection, database_url: str, schema_version: int
) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        store.append_in_bulk([*OLD[:2], raw(3, "Opened", schema_version, name="Eve", nation="?")])
        rebuilding.rebuild(connection, CATALOGUE, Holders)
        events = list(store.read_all())
    assert rows_of(connection, Holders) == [(TENANT, "a", "Ann", "van Berg", "NL", "EUR", None, Decimal("12.50"))]
    letters = connection.execute("SELECT position FROM acci.dead_letters").fetchall()
    assert letters == [(3,)]
    with pytest.raises(CannotApply):
        apply(Holders, live(connection, Holders).read_model(connection).columns, {}, events)
    assert generations.building(connection, "holders") is None
