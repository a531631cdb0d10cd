"""What an expression means: its SQL and its evaluation in Python give the same value, of the same type and scale."""

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.event_view import EventView
from acci.domain.expressions.functions import TRUNCATIONS
from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.symbols import CannotCompile
from acci.domain.expressions.tree import Constant, Expression, Field, express
from acci.domain.projections import cast, concat, date_trunc, local_date
from acci.domain.projections.reference import Stored
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.expressions import translate
from acci.store.compiling.text import text_of
from acci.store.postgres.database import Connection
from acci.store.testing.harness import logged, spelled
from tests.support.strategies.events import EVENTS as CLASSES
from tests.support.strategies.expressions import expression
from tests.support.strategies.histories import Draft, payload
from tests.support.strategies.projections import NAMES
from tests.support.strategies.values import ZONES, moment

CASES = int(os.environ.get("ACCI_TEST_CASES", "2000"))
PAYLOADS = 25
REFUSED = "refused"


class Said(EventData):
    text: str


def itself(field: Field) -> Expression:
    return field


def in_python(source: Any, kind: type[EventData], event: RecordedEvent[Any]) -> str:
    view = EventView(kind, Stored(event).leaf_of(kind))
    try:
        return spelled(value_of(express(source(view))))
    except ValueError:
        return REFUSED


def in_sql(connection: Connection, source: Any, kind: type[EventData], position: int | None = None) -> list[str]:
    query = sa.select(translate(express(source(EventView(kind, itself))), EVENTS)).order_by(EVENTS.c.position)
    if position is not None:
        query = query.where(EVENTS.c.position == position)
    try:
        with connection.transaction():
            return [spelled(row[0]) for row in connection.execute(text_of(query).encode(), {}, prepare=False)]
    except (psycopg.DataError, psycopg.errors.NullValueNotAllowed, psycopg.errors.CheckViolation):
        return [REFUSED]


def differences(connection: Connection, source: Any, kind: type[EventData], events: list[Any]) -> list[Any]:
    """The events for which the two differ, with both answers."""
    python = [in_python(source, kind, event) for event in events]
    sql = in_sql(connection, source, kind)
    if REFUSED in python or sql == [REFUSED]:
        sql = [in_sql(connection, source, kind, event.position)[0] for event in events]
    return [
        (event.data, event.timestamp, one, other)
        for event, one, other in zip(events, python, sql, strict=True)
        if one != other
    ]


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", CLASSES)
def test_random_expressions_agree_in_sql_and_python(connection: Connection, kind: type[EventData]) -> None:
    random = Random(1)
    drafts = [Draft(kind, "t", "a", payload(kind, random), "u", moment(random)) for _ in range(PAYLOADS)]
    events = [draft.at(number, number) for number, draft in enumerate(drafts, 1)]
    kinds = [each for each in Kind if kind.__name__ != "Closed" or each is not Kind.FLOAT]

    @settings(max_examples=CASES // len(CLASSES) // 2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(kinds).flatmap(lambda wanted: expression(kind, wanted, 3)))
    def agree(source: str) -> None:
        try:
            rule = eval(f"lambda event: {source}", NAMES)  # noqa: S307 made by the strategy
            express(rule(EventView(kind, itself)))
        except CannotCompile:
            return
        assert not differences(connection, rule, kind, events)

    with logged(connection, events):
        agree()


TEXTS = (
    *("0", "12", " 12 ", "+5", "-5", "--5", "1_000", "0x1F", "0o7", "0b1", "1e3", "1E+3", "1.", ".5", ".", "-.5e-3"),
    *("NaN", "Infinity", "inf", "", " ", "٣", "12\n", "\t12", "\u00a012", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "1e400", "1e-400", "1e131071", "1e131072", "0.10", "00012", "1,5", "1 2", "e5", "\\"),
)
LITERALS = (
    "",
    "'",
    "''",
    "\\",
    "a\\b",
    "\\'",
    "%",
    "%%",
    "%s",
    "%(upto)s",
    ":a",
    "::text",
    "$1",
    "?",
    "é𝒳\n\t",
    '"',
    "{}",
)


@pytest.mark.parametrize("to", [int, Decimal])
def test_text_that_spells_a_number_is_cast_alike(connection: Connection, to: type) -> None:
    events = [said(text, number) for number, text in enumerate(TEXTS, 1)]
    with logged(connection, events):
        assert not differences(connection, lambda event: cast(event.data.text, to), Said, events)


class Sized(EventData):
    amount: Decimal
    number: int


@pytest.mark.parametrize(
    "rule",
    [
        lambda event: event.data.amount * (event.data.number * event.data.number),
        lambda event: event.data.amount + (event.data.number + event.data.number),
        lambda event: event.data.number - (event.data.number - 1),
    ],
)
def test_parentheses_are_kept(connection: Connection, rule: Any) -> None:
    """`number * number` alone is past a bigint; amount * number * number would not be."""
    data = {"amount": "1.5", "number": 2**62}
    event = dataclasses.replace(said("", 1), event_type="Sized", data=data)
    with logged(connection, [event]):
        assert not differences(connection, rule, Sized, [event])


@pytest.mark.parametrize("literal", LITERALS)
def test_a_literal_means_itself(connection: Connection, literal: str) -> None:
    events = [said("a", 1)]
    with logged(connection, events):
        rule = lambda event: concat(literal, event.data.text)  # noqa: E731
        assert in_python(rule, Said, events[0]) == spelled(literal + "a")
        assert not differences(connection, rule, Said, events)


@pytest.mark.parametrize("zone", [*ZONES, "Europe/London", "Europe/Dublin", "Asia/Tehran", "America/St_Johns"])
def test_days_and_hours_around_every_change_of_the_clocks(connection: Connection, zone: str) -> None:
    moments = [
        change + timedelta(minutes=minutes, microseconds=-1 * (minutes % 2))
        for change in changes(zone)
        for minutes in (-1500, -61, -31, -1, 0, 1, 30, 60, 61, 1439)
    ] or [datetime(2024, 1, 1, tzinfo=UTC)]
    events = [said("a", number, at) for number, at in enumerate(moments, 1)]
    with logged(connection, events):
        for unit in TRUNCATIONS:
            rule = lambda event: date_trunc(unit, event.timestamp, zone)  # noqa: B023, E731
            assert not differences(connection, rule, Said, events), unit
        assert not differences(connection, lambda event: local_date(event.timestamp, zone), Said, events)


def changes(zone: str) -> list[datetime]:
    """When the zone's clocks changed, 1970 to 2037, to the minute."""
    found = []
    day = datetime(1970, 1, 1, tzinfo=UTC)
    while day.year < 2038:
        start, end = day, day + timedelta(days=1)
        if offset(start, zone) != offset(end, zone):
            while end - start > timedelta(minutes=1):
                middle = start + (end - start) / 2
                start, end = (start, middle) if offset(start, zone) != offset(middle, zone) else (middle, end)
            found.append(end.replace(second=0, microsecond=0))
        day += timedelta(days=1)
    return found


def offset(moment: datetime, zone: str) -> timedelta | None:
    return moment.astimezone(ZoneInfo(zone)).utcoffset()


def said(text: str, number: int, at: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> RecordedEvent[Any]:
    metadata = EventMetadata("t", "correlation")
    return RecordedEvent(
        UUID(int=number), "a", "Thing", "Said", number, {"text": text}, metadata, at, position=number, recorded_at=at
    )


def test_a_constant_keeps_its_value(connection: Connection) -> None:
    values = (
        1,
        Decimal("1.50"),
        Decimal("1E+3"),
        0.1,
        True,
        datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")),
        UUID(int=1),
    )
    for value in values:
        constant = express(value)
        assert isinstance(constant, Constant)
        row = connection.execute(text_of(sa.select(translate(constant, EVENTS))).encode()).fetchone()
        assert row is not None
        assert (row[0], type(row[0])) == (value, type(value))
