"""A Python fold gets its rows as they are read back, also within a batch: batch boundaries change nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_interface
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection
from acci.domain.projections.columns import Column
from acci.domain.projections.python_folds import Row
from acci.domain.projections.stored_rows import RowRoundTrip
from acci.domain.projections.stored_values import DEEPEST
from acci.store.auditing.audit import all_checks, audit
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build
from acci.store.registry import Catalogue

NUMBER = UUID("12345678-1234-5678-1234-567812345678")
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))


class Mood(StrEnum):
    GOOD = "good"


class Noted(EventData):
    n: int = 0


Given = Callable[[Row | None, int], Row | None]
SAID: list[Given] = [lambda row, _: row]  # no constant, which would count as a part of the fold


class Notes(FoldProjection):
    """Gives what a test says."""

    key = ("tenant_id", "id")
    handles = (Noted,)

    def evolve(self, row: Row | None, event: Event[Noted]) -> Row | None:
        return SAID[-1](row, event.data.n)


def noted(tmp_path: Path, columns: str) -> Catalogue:
    (tmp_path / "read_models").mkdir(exist_ok=True)
    (tmp_path / "read_models" / "notes.sql").write_text(
        f"CREATE TABLE notes (tenant_id text, id text, {columns}, PRIMARY KEY (tenant_id, id))"
    )
    return Catalogue((Context(name="notes", sql=tmp_path, events=(Noted,), projections=(Notes,)),))


def happen(connection: Connection, count: int, stream: str = "a", start: int = 0) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), n + 1, 't', 'Note', %s, 'Noted', jsonb_build_object('n', n), '{}'
           FROM generate_series(%s, %s - 1) AS n""",
        (stream, start, start + count),
    )


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        yield


def outcome(connection: Connection, catalogue: Catalogue, batch_size: int | None) -> tuple[Any, ...]:
    """The rows as PostgreSQL writes them, the rows a fold meets, and the dead letters; nothing stays."""
    met: list[Any] = []
    given = SAID[-1]

    def noting(row: Row | None, n: int) -> Row | None:
        met.append(repr(row))
        return given(row, n)

    saying(noting)
    try:
        with undone(connection):
            if batch_size is None:
                build.rebuild(connection, catalogue, Notes)
            else:
                batches.catch_up(connection, catalogue, Notes, batch_size)
            rows = connection.execute("SELECT n::text FROM read.notes AS n ORDER BY 1").fetchall()
            letters = [(letter.position, letter.error) for letter in dead_letters.letters(connection)]
    finally:
        saying(given)
    return rows, met[-1:], letters


def same_everywhere(connection: Connection, catalogue: Catalogue) -> tuple[Any, ...]:
    """What all ways come to, and must come to alike."""
    one_by_one, two_by_two, at_once, rebuilt = (outcome(connection, catalogue, size) for size in (1, 2, 50_000, None))
    assert one_by_one == two_by_two == at_once == rebuilt
    return one_by_one


VALUES: list[tuple[str, Any, Any]] = [
    ("text", "zoë", "zoë"),
    ("text", 7, "7"),
    ("text", Decimal("1.50"), "1.50"),
    ("text", date(2026, 1, 2), "2026-01-02"),
    ("varchar(3)", "abc  ", "abc"),
    ("char(5)", "ab", "ab   "),
    ("smallint", 7, 7),
    ("integer", "7", 7),
    ("numeric", Decimal("1E+3"), Decimal(1000)),
    ("numeric", Decimal("1.50"), Decimal("1.50")),
    ("numeric(10,2)", Decimal("1.005"), Decimal("1.01")),
    ("numeric(10,2)", 1 / 3, Decimal("0.33")),
    ("numeric(10,2)", 7, Decimal("7.00")),
    ("real", 1 / 3, 0.33333334),
    ("double precision", 1, 1.0),
    ("double precision", -0.0, -0.0),
    ("double precision", Decimal("0.1"), 0.1),
    ("boolean", True, True),
    ("boolean", "yes", True),
    ("date", AT, date(2026, 3, 1)),
    ("date", "2026-01-02", date(2026, 1, 2)),
    ("timestamptz", AT, AT),
    ("timestamptz(0)", AT, AT.replace(microsecond=0)),
    ("timestamptz", "2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ("timestamp", datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3)),  # noqa: DTZ001 as such a column has it
    ("time", "10:00", datetime(2026, 1, 2, 10).time()),  # noqa: DTZ001
    ("interval", timedelta(days=1, hours=2), timedelta(days=1, hours=2)),
    ("uuid", str(NUMBER).upper(), NUMBER),
    ("bytea", b"\x00\xff", b"\x00\xff"),
    ("inet", "10.0.0.1", ip_interface("10.0.0.1").ip),
    ("text[]", ["b", None, "a"], ["b", None, "a"]),
    ("integer[]", [1, 2], [1, 2]),
    ("numeric(5,1)[]", [Decimal("1.25")], [Decimal("1.3")]),
    ("public.citext", "Ann", "Ann"),
    ("public.mood", Mood.GOOD, "good"),
    ("public.short", "ab", "ab"),
    ("json", {"b": 1, "a": (1, 2)}, {"b": 1, "a": [1, 2]}),
    ("jsonb", {"bb": 1, "a": {"y": [True, None, 1.0]}}, {"a": {"y": [True, None, 1.0]}, "bb": 1}),
    ("jsonb", {Mood.GOOD: Mood.GOOD}, {"good": "good"}),
    ("jsonb", [1e16, -0.0, 1e-7, 10**30], [10**16, 0.0, 1e-7, 10**30]),
    ("jsonb", False, False),
]


TYPES = (
    "CREATE EXTENSION citext SCHEMA public; CREATE TYPE public.mood AS ENUM ('good');"
    "CREATE DOMAIN public.short AS varchar(2)"
)


def saying(given: Given) -> None:
    SAID[:] = [given]


def test_a_fold_gets_values_as_they_are_stored(connection: Connection, tmp_path: Path) -> None:
    """In the next batch, in the same, in a rebuild, an audit, and at a point in time: the same, of any type."""
    connection.execute(TYPES, prepare=False)
    types = ", ".join(f"v{n} {kind}" for n, (kind, _, _) in enumerate(VALUES))
    catalogue = noted(tmp_path, f"{types}, met text, twice int GENERATED ALWAYS AS (1 + 1) STORED")
    build.rebuild(connection, catalogue, Notes)
    happen(connection, 3)
    values = {f"v{n}": value for n, (_, value, _) in enumerate(VALUES)}
    saying(lambda row, n: values if n < 2 else {**(row or {}), "met": repr(row)})

    _, met, letters = same_everywhere(connection, catalogue)
    assert letters == []
    kept = {f"v{n}": _as_read(value) for n, (_, _, value) in enumerate(VALUES)}
    expected = {"tenant_id": "t", "id": "a", **kept, "met": None}
    assert met == [repr(expected)]

    batches.catch_up(connection, catalogue, Notes)
    for check in ("rows", "second_opinion"):
        assert audit(connection, catalogue, all_checks(catalogue)[check], "notes").found == ()
    assert [row["met"] for row in rows_as_of(connection, catalogue, Notes)] == [repr(expected)]


def _as_read(kept: Any) -> Any:
    return kept.astimezone(UTC) if isinstance(kept, datetime) and kept.tzinfo else kept


class Strange:
    pass


REFUSED: list[tuple[str, Any, str]] = [
    ("jsonb", {7: 1}, "the name 7 in a JSON object is no text"),
    ("jsonb", {True: 1}, "the name True in a JSON object is no text"),
    ("jsonb", {"a": Decimal("1.5")}, "a Decimal has no form in JSON"),
    ("jsonb", {"a": {1}}, "a set has no form in JSON"),
    ("jsonb", float("nan"), "nan has no form in JSON"),
    ("jsonb", 10**5000, "too many digits"),
    ("jsonb", "a\0b", "NUL"),
    ("jsonb", ["\ud800"], "lone surrogate"),
    ("text", "a\0b", "NUL"),
    ("text", "\ud800", "lone surrogate"),
    ("text", Strange(), "cannot adapt type 'Strange'"),
    ("smallint", 40_000, "out of range for 16 bits"),
    ("bigint", 7.5, "invalid input syntax"),
    ("numeric(4,2)", Decimal(100), "numeric field overflow"),
    ("varchar(3)", "abcd", "too long"),
    ("char(3)", "abcd", "too long"),
    ("date", "tomorrow or so", "invalid input syntax"),
    ("date", "infinity", "date too large"),
    ("timestamptz", "0044-03-15 BC", "BC"),
    ("interval", "1 month", "keeps 1 mon, which is read as 30 days"),
    ("int[]", [1, "x"], "cannot"),
    ("public.citext", "a\0b", "NUL"),
    ("public.mood", "bad", "invalid input value for enum"),
    ("public.short", "abc", "too long"),
    ("public.short", 1234, "too long"),
    ("public.positive", -1, "violates check constraint"),
]
WHOLE_ROWS: list[tuple[Any, str]] = [
    ({"totl": 1}, "evolve gives 'totl', and its table takes no such column; it takes tenant_id, id, needed"),
    ({"needed": 1, "twice": 2}, "evolve gives 'twice'"),
    ({"needed": None}, "column 'needed' may not be NULL"),
    ({}, "column 'needed' may not be NULL"),
    ({"needed": 1, "id": "b"}, "evolve gives key column 'id' another value than the row's key has"),
    ("a row", "evolve gives a str, where a row is a dict of columns, or None"),
    ([("needed", 1)], "evolve gives a list, where"),
]


def test_an_unstorable_result_is_a_dead_letter_and_stops_nothing_else(connection: Connection, tmp_path: Path) -> None:
    connection.execute(TYPES + "; CREATE DOMAIN public.positive AS int CHECK (value > 0)", prepare=False)
    types = ", ".join(f"v{n} {kind}" for n, (kind, _, _) in enumerate(REFUSED))
    catalogue = noted(tmp_path, f"needed int NOT NULL, {types}, twice int GENERATED ALWAYS AS (1 + 1) STORED")
    build.rebuild(connection, catalogue, Notes)
    rows: list[Any] = [{"needed": 1, f"v{n}": value} for n, (_, value, _) in enumerate(REFUSED)]
    rows += [row for row, _ in WHOLE_ROWS]
    for n in range(len(rows)):
        happen(connection, 1, f"bad-{n:02}", n)
    happen(connection, 3, "good", 1000)
    saying(lambda _, n: rows[n] if n < 1000 else {"needed": n})

    found, _, letters = same_everywhere(connection, catalogue)
    assert len(found) == 1
    assert "1002" in found[0][0]
    reasons = [reason for _, _, reason in REFUSED] + [reason for _, reason in WHOLE_ROWS]
    assert [position for position, _ in letters] == list(range(1, len(rows) + 1))
    assert [told for (_, told), why in zip(letters, reasons, strict=True) if why not in told] == []

    batches.catch_up(connection, catalogue, Notes)
    for check in ("rows", "second_opinion"):
        assert audit(connection, catalogue, all_checks(catalogue)[check], "notes").found == ()


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(("levels", "kept"), [(DEEPEST, True), (DEEPEST + 1, False), (100_000, False)])
def test_json_of_the_greatest_depth_is_read_back(
    connection: Connection, tmp_path: Path, levels: int, kept: bool
) -> None:
    catalogue = noted(tmp_path, "value jsonb")
    build.rebuild(connection, catalogue, Notes)
    happen(connection, 2)
    saying(lambda _, __: {"value": deep(levels)})
    found, _, letters = same_everywhere(connection, catalogue)
    assert (len(found), len(letters)) == ((1, 0) if kept else (0, 1))


def test_a_row_changed_in_place_is_noticed(connection: Connection, tmp_path: Path) -> None:
    """And so is what Python calls equal: 0 and false, 1 and 1.0, 1.5 and 1.50 where digits are kept."""
    catalogue = noted(tmp_path, "value jsonb, list int[], number numeric, size float")
    build.rebuild(connection, catalogue, Notes)
    happen(connection, 6)

    def in_place(row: Row | None, n: int) -> Row:
        if row is None:
            return {"value": {"a": [0]}, "list": [1], "number": Decimal("1.5"), "size": 0.0}
        row["value"]["a"][0] = (0, False, 1, 1.0, True, {})[n]
        row["list"].append(n)
        row["number"] = Decimal("1.50") if n % 2 else Decimal("1.5")
        row["size"] = -row["size"]
        return row

    saying(in_place)
    assert same_everywhere(connection, catalogue)[2] == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\xe9\U0001f600", max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, min_size=1, max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_is_converted_as_postgresql_stores_it(connection: Connection, values: list[Any]) -> None:
    round_trip = RowRoundTrip(("id",), (Column("id", "text", "S", None, False), Column("v", "jsonb", "U", None, False)))
    kept = [round_trip.read_back(("a",), {"v": value}) or {} for value in values]
    again = [connection.execute("SELECT %s::jsonb", [Jsonb(value)]).fetchone() or (None,) for value in values]
    assert [repr(row["v"]) for row in kept] == [repr(value) for (value,) in again]
