"""Old payloads mean the same in compiled SQL and in Python, for all chains of upcasters."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors
from pydantic import BaseModel, create_model

from acci.domain.errors import CannotApply
from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.event_view import EventView, fields
from acci.domain.expressions.values import parse
from acci.domain.projections.reference import Stored, apply
from acci.domain.upcasting import Upcaster, check_upcasters, leaf_of, old, upcast
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.expressions import translate
from acci.store.compiling.parameters import Placeholder
from acci.store.compiling.schema_versions import readable
from acci.store.compiling.text import text_of
from acci.store.generations import generations
from acci.store.log.bulk import RawEvent
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, TENANT, Holders
from tests.support.read_models import live, rows_of
from tests.support.strategies.upcasting import Evolution, evolutions

CATALOGUE = Catalogue((CONTEXT,))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
INSERT = """
    INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (now(), gen_random_uuid(), %s, %s, 't', 'T', 'a', 'Changing', %s, '{}')
"""


REFUSED = "refused"
Reading = dict[str, Any] | str  # the fields by dotted name; or that the event is refused


def names_of(event: type[EventData]) -> list[str]:
    """Its fields, and those of the models in it."""
    return [".".join(field.path[1:]) for field in fields(event)]


def in_python(event: type[EventData], version: int, payload: dict[str, Any]) -> Reading:
    try:
        read = event.model_validate_json(upcast(event, version, json.dumps(payload)))
    except ValueError:
        return REFUSED
    stored = json.loads(read.model_dump_json())
    found: dict[str, Any] = {}
    for field in fields(event):
        value: Any = read
        as_stored = stored
        for name in field.path[1:]:
            value = None if value is None else getattr(value, name)
            as_stored = None if as_stored is None else as_stored[name]
        found[".".join(field.path[1:])] = value if isinstance(value, Decimal) else as_stored
    return found


def in_sql(connection: Connection, event: type[EventData], events: int) -> list[Reading]:
    """Each event in the log as the compiled SQL of a rule would read it."""
    names = names_of(event)
    view = EventView(event, leaf_of(event))
    columns = [translate(attrgetter(name)(view.data), EVENTS).label(name) for name in names]
    chosen = EVENTS.c.version.between(Placeholder("first", sa.Integer()), Placeholder("last", sa.Integer()))
    select = sa.select(*columns, sa.literal(1)).where(readable([event], EVENTS), chosen).order_by(EVENTS.c.version)
    text = text_of(select).encode()

    def read(first: int, last: int) -> list[Reading] | None:
        try:
            with connection.transaction():
                rows = connection.execute(text, {"first": first, "last": last}, prepare=False).fetchall()
        except errors.DataError:
            return None
        return [dict(zip(names, row, strict=False)) for row in rows]

    return read(1, events) or [one for place in range(1, events + 1) for one in read(place, place) or [REFUSED]]


def in_reference(event: type[EventData], version: int, payload: dict[str, Any]) -> Reading:
    """As the reference engine reads what is stored."""
    recorded = RecordedEvent(
        uuid4(), "a", "T", "Changing", 1, parse(json.dumps(payload)), EventMetadata("t", "c"), NOW, version,
        position=1, recorded_at=NOW,
    )  # fmt: skip
    try:
        view = EventView(event, Stored(recorded).leaf_of(event))
        return {name: value_of(attrgetter(name)(view.data)) for name in names_of(event)}
    except ValueError:
        return REFUSED


def check(connection: Connection, event: type[EventData], payloads: list[tuple[int, dict[str, Any]]]) -> None:
    """That payloads, each of its version, are the same to Python, to SQL and to the reference engine."""
    with connection.transaction(force_rollback=True):
        for place, (version, payload) in enumerate(payloads, 1):
            connection.execute(INSERT, (place, version, json.dumps(payload)))
        sql = in_sql(connection, event, len(payloads))
    for (version, payload), found in zip(payloads, sql, strict=True):
        python = in_python(event, version, payload)
        assert found == python
        assert in_reference(event, version, payload) == python


def test_any_chain_of_steps_gives_the_same_in_sql_and_in_python(connection: Connection) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), evolutions())
    def agree(data: st.DataObject, evolution: Evolution) -> None:
        event = evolution.event()
        check_upcasters(event)
        check(connection, event, data.draw(st.lists(evolution.payloads(), min_size=1, max_size=5)))

    agree()


class Owner(BaseModel):
    name: str
    title: str = "none"
    note: str | None = None


class Deeper(BaseModel):
    owner: Owner = Owner(name="nobody")
    number: int = 7


NESTED: dict[str, tuple[Any, Upcaster, list[dict[str, Any]]]] = {
    "rename into": ({"owner": (Owner, ...)}, Upcaster(1, rename={"holder": "owner.name"}), [{"holder": "Ann"}]),
    "rename into, may be null": (
        {"owner": (Owner | None, None)},
        Upcaster(1, rename={"holder": "owner.name"}),
        [{"holder": "Ann"}, {}],
    ),
    "rename into, one of two": (
        {"owner": (Owner, Owner(name="x", title="y", note="z"))},
        Upcaster(1, rename={"holder": "owner.name", "remark": "owner.note"}),
        [{"holder": "Ann"}, {"holder": "Ann", "remark": None}, {}],
    ),
    "rename into what is there": (
        {"owner": (Owner, Owner(name="x", title="y"))},
        Upcaster(1, rename={"holder": "owner.name"}),
        [{"holder": "Ann", "owner": {"title": "Dr"}}, {"holder": "Ann"}, {}],
    ),
    "rename out of": (
        {"name": (str, "none"), "note": (str | None, "none")},
        Upcaster(1, rename={"owner.name": "name", "owner.note": "note"}),
        [{"owner": {"name": "Ann", "note": None}}, {"owner": {}}, {"owner": None}, {}],
    ),
    "rename a model": (
        {"owner": (Owner | None, Owner(name="x", note="z"))},
        Upcaster(1, rename={"person": "owner"}, default={"owner.title": "Dr"}),
        [{"person": {"name": "Ann"}}],
    ),
    "wrap": (
        {"owner": (Owner, ...)},
        Upcaster(1, rename={"owner": "owner.name"}),
        [{"owner": "Ann"}],
    ),
    "two old names of one": (
        {"name": (str, "none")},
        Upcaster(1, rename={"mail": "name", "email": "name"}),
        [{"mail": "a"}, {"email": "b"}, {"mail": "a", "email": "b"}, {}],
    ),
    "default in": (
        {"owner": (Owner, ...)},
        Upcaster(1, default={"owner.name": "Ann"}),
        [{}, {"owner": {}}, {"owner": {"title": "Dr", "note": "n"}}],
    ),
    "default in, may be null": (
        {"owner": (Owner | None, None)},
        Upcaster(1, default={"owner.name": "Ann"}),
        [{}, {"owner": {"note": "n"}}],
    ),
    "default over what is there": (
        {"country": (str, ...), "size": (int, ...), "note": (str | None, ...), "owner": (Owner, ...)},
        Upcaster(1, default={"country": "NL", "size": 3, "note": None, "owner.name": "Ann"}),
        [{"country": "BE"}, {"country": None, "size": "7"}, {"note": "n", "size": 5, "owner": {"name": "Bob"}}],
    ),
    "default deeper": (
        {"deeper": (Deeper | None, Deeper(number=1))},
        Upcaster(1, default={"deeper.owner.name": "Ann"}),
        [{}, {"deeper": {}}, {"deeper": {"number": 2}}, {"deeper": {"owner": {"title": "Dr"}}}],
    ),
    "default of a part": ({"deeper": (Deeper, ...)}, Upcaster(1, default={"deeper": {"owner": {"name": "A"}}}), [{}]),
    "default of a model that may be null": (
        {"deeper": (Deeper | None, ...)},
        Upcaster(1, default={"deeper": None}),
        [{}],
    ),
    "change in": (
        {"owner": (Owner, ...)},
        Upcaster(1, change={"owner.name": old("holder", str)}, drop=("holder",)),
        [{"holder": "Ann"}, {"holder": "Ann", "owner": {"title": "Dr"}}],
    ),
    "change into a model": (
        {"owner": (Owner, ...)},
        Upcaster(1, change={"owner": old("person", Owner)}),
        [{"person": {"name": "Ann"}}, {"person": {"name": "Ann", "title": "Dr", "note": "n"}}],
    ),
    "drop in": (
        {"deeper": (Deeper | None, None)},
        Upcaster(1, drop=("deeper.number", "deeper.owner")),
        [{}, {"deeper": None}, {"deeper": {"number": "of another shape", "owner": 5}}],
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_upcasting_nested_models_is_the_same_in_sql_and_python(connection: Connection, name: str) -> None:
    declared, step, payloads = NESTED[name]
    event = create_model("Changing", __base__=EventData, **declared)
    event.schema_version, event.upcasters = 2, (step,)
    check_upcasters(event)
    assert in_python(event, 1, payloads[0]) != REFUSED
    check(connection, event, [(1, payload) for payload in payloads])


class Colour(Enum):
    RED = "red"


class Inner(BaseModel):
    x: int = 7
    y: str | None = None


OF_ANOTHER_SHAPE: dict[str, tuple[Any, Upcaster, list[dict[str, Any]]]] = {
    "the new name": (
        {"new": (int, 5)},
        Upcaster(1, rename={"old": "new"}),
        [{"new": 8}, {"new": None}],
    ),
    "the new name in a model": (
        {"owner": (Owner, ...)},
        Upcaster(1, rename={"owner.called": "owner.name"}),
        [{"owner": {"name": "Ann"}}],
    ),
    "the new name at the second step": (
        {"new": (int, 5)},
        Upcaster(1, rename={"old": "mid"}),
        [{"mid": 8}, {"new": 8}],
    ),
    "no object to put a default into": (
        {"owner": (Owner | None, None)},
        Upcaster(1, default={"owner.name": "Ann"}),
        [{"owner": None}, {"owner": 5}, {"owner": []}, {"owner": "Ann"}],
    ),
    "no object to put a change into": (
        {"owner": (Owner | None, None)},
        Upcaster(1, change={"owner.name": old("holder", str)}),
        [{"owner": None, "holder": "Ann"}, {"owner": 5, "holder": "Ann"}],
    ),
    "no object to rename into": (
        {"owner": (Owner | None, None)},
        Upcaster(1, rename={"holder": "owner.name"}),
        [{"owner": None, "holder": "Ann"}, {"owner": 5, "holder": "Ann"}],
    ),
    "no object to put deeper into": (
        {"deeper": (Deeper, ...)},
        Upcaster(1, default={"deeper.owner.name": "Ann"}),
        [{"deeper": None}, {"deeper": {"owner": None}}, {"deeper": {"owner": 5}}],
    ),
}


@pytest.mark.parametrize("name", OF_ANOTHER_SHAPE)
def test_a_payload_that_python_does_not_read_is_refused_by_sql(connection: Connection, name: str) -> None:
    declared, step, payloads = OF_ANOTHER_SHAPE[name]
    event = create_model("Changing", __base__=EventData, **declared)
    event.schema_version, event.upcasters = 2, (step,)
    if "mid" in step.rename.values():
        event.schema_version, event.upcasters = 3, (step, Upcaster(2, rename={"mid": "new"}))
    check_upcasters(event)
    assert {str(in_python(event, 1, payload)) for payload in payloads} == {REFUSED}
    check(connection, event, [(1, payload) for payload in payloads])


def test_a_null_model_stays_null_if_nothing_is_put_into_it(connection: Connection) -> None:
    event = create_model("Changing", __base__=EventData, owner=(Owner | None, ...))
    event.schema_version, event.upcasters = 2, (Upcaster(1, rename={"owner.called": "owner.name"}),)
    assert in_python(event, 1, {"owner": None}) == dict.fromkeys(names_of(event))
    check(connection, event, [(1, {"owner": None})])


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
    """Given by an upcaster, or by pydantic for a field that was dropped and declared again."""
    payload = '{"d": "of another shape"}' if returns else "{}"
    connection.execute(INSERT, (1, 1, payload))
    for kind, value in DEFAULTS.values():
        event = create_model("Changing", __base__=EventData, d=(kind, value) if returns else (kind, ...))
        event.schema_version = 2
        event.upcasters = (Upcaster(1, drop=("d",)) if returns else Upcaster(1, default={"d": value}),)
        python = event.model_validate_json(upcast(event, 1, payload))
        selected = sa.select(translate(EventView(event, leaf_of(event)).data.d, EVENTS)).select_from(EVENTS)
        row = connection.execute(text_of(selected).encode(), {}, prepare=False).fetchone()
        assert row == (json.loads(python.model_dump_json())["d"],)


def raw(version: int, event_type: str, schema_version: int, **payload: Any) -> RawEvent:
    metadata = EventMetadata(TENANT, "c")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return RawEvent(uuid4(), "a", "Account", event_type, version, json.dumps(payload), metadata, moment, schema_version)


OLD = [
    raw(1, "Opened", 1, name="Ann van Berg", nation="NL"),
    raw(2, "Paid", 1, cents=1250, holder="a name that an Opened must not have"),
    raw(3, "Opened", 2, holder="Ann Berg", nation="BE", currency="USD", note="n"),
    raw(4, "Paid", 2, amount="7.25"),
]


def test_a_read_model_is_built_from_events_of_every_version(connection: Connection, database_url: str) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        store.append_in_bulk(OLD[:2])
        build.rebuild(connection, CATALOGUE, Holders)
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


OLD_NAME = {"name": "Eve", "nation": "?"}
NEW_NAME = {"holder": "Eve", "nation": "?"}


@pytest.mark.parametrize(
    ("schema_version", "payload", "said"),
    [
        (0, OLD_NAME, "schema version 0"),
        (5, OLD_NAME, "schema version 5"),
        (1, NEW_NAME, "has no data.name, yet data.holder"),
        (2, NEW_NAME | {"currency": "EUR", "owner": None}, "has no object at data.owner"),
    ],
)
def test_a_payload_of_unknown_shape_is_a_dead_letter_in_both_engines(
    connection: Connection, database_url: str, schema_version: int, payload: dict[str, Any], said: str
) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        store.append_in_bulk([*OLD[:2], raw(3, "Opened", schema_version, **payload)])
        build.rebuild(connection, CATALOGUE, Holders)
        events = list(store.read_all())
    assert rows_of(connection, Holders) == [(TENANT, "a", "Ann", "van Berg", "NL", "EUR", None, Decimal("12.50"))]
    ((position, error),) = connection.execute("SELECT position, error FROM acci.dead_letters").fetchall()
    assert position == 3
    assert said in error
    with pytest.raises(CannotApply):
        apply(Holders, live(connection, Holders).read_model(connection).columns, {}, events)
    assert generations.building(connection, "holders") is None
