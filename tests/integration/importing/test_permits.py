"""Real input: a public event log, imported by a domain outside `domain/`, every row compared with pandas."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from acci.store.importing.importer import Imported, Importer
from acci.store.importing.mapping import load_mapping
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.reading.queries import ask, question
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.domains.permits import by_pandas

PERMITS = Path(__file__).parents[2] / "domains" / "permits"
SAMPLE = PERMITS / "sample.csv"
PUBLIC = Path(os.environ.get("ACCI_TEST_PERMITS_CSV", Path(__file__).parents[4] / "shared" / "data" / "receipt.csv"))
LOGS = [
    pytest.param(SAMPLE, id="sample"),
    pytest.param(
        PUBLIC,
        id="public",
        marks=pytest.mark.skipif(
            not PUBLIC.is_file(),
            reason=f"{PUBLIC} is missing: the public log 'Receipt phase of an environmental permit application "
            "process (WABO), CoSeLoG project' as CSV; ACCI_TEST_PERMITS_CSV may name another place",
        ),
    ),
]
KEYS = {"permit_cases": ("id",), "steps_per_day": ("day", "handled_by")}


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.permits"])


def bring_in(database_url: str, catalogue: Catalogue, log: Path) -> Imported:
    mapping = load_mapping(PERMITS / "receipt.toml", catalogue)
    return Importer(database_url, catalogue, mapping).import_whole(log, lambda _offset, _doing: None)


def stored(connection: Connection, name: str) -> by_pandas.Rows:
    """The read model's rows by key, without the tenant."""
    cursor = connection.cursor(row_factory=dict_row)
    rows: by_pandas.Rows = {}
    for row in cursor.execute(f"SELECT * FROM read.{name}").fetchall():  # noqa: S608 a constant
        values: dict[str, Any] = dict(row)
        assert values.pop("tenant_id") == "municipality"
        rows[tuple(values.pop(part) for part in KEYS[name])] = values
    return rows


def assert_as_pandas_has_it(connection: Connection, log: Path) -> None:
    frame = by_pandas.read(log)
    assert stored(connection, "permit_cases") == by_pandas.permit_cases(frame)
    assert stored(connection, "steps_per_day") == by_pandas.steps_per_day(frame)


@pytest.mark.parametrize("log", LOGS)
def test_read_models_are_what_pandas_computes(
    database_url: str, connection: Connection, catalogue: Catalogue, log: Path
) -> None:
    """Caught up in small batches first, then rebuilt in partitions."""
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
    lines = len(by_pandas.read(log))
    done = bring_in(database_url, catalogue, log)
    assert (done.events, done.bad_lines) == (lines, 0)
    for projection in catalogue.projections.values():
        caught_up = catch_up(connection, catalogue, projection, batch_size=max(lines // 10, 1))
        assert (caught_up.checkpoint, caught_up.dead_letters) == (lines, 0)
    assert_as_pandas_has_it(connection, log)
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
    assert_as_pandas_has_it(connection, log)


@pytest.mark.parametrize("log", LOGS)
def test_queries_answer_from_them(database_url: str, connection: Connection, catalogue: Catalogue, log: Path) -> None:
    bring_in(database_url, catalogue, log)
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
    frame = by_pandas.read(log)
    (case,), expected = next(iter(by_pandas.permit_cases(frame).items()))
    asked = question(catalogue, "get_permit_case", {"tenant_id": "municipality", "id": case})
    answer = ask(connection, catalogue, asked)
    assert answer is not None
    assert not isinstance(answer, list)
    assert answer.model_dump() == {"tenant_id": "municipality", "id": case, **expected}

    since = sorted(day for day, _ in by_pandas.steps_per_day(frame))[-3]
    asked = question(catalogue, "list_steps_per_day", {"tenant_id": "municipality", "since": since})
    days = ask(connection, catalogue, asked)
    assert isinstance(days, list)
    expected_days = {key: row for key, row in by_pandas.steps_per_day(frame).items() if key[0] >= since}
    found = [row.model_dump() for row in days]
    assert {(row.pop("day"), row.pop("handled_by")): row for row in found} == expected_days


def test_no_other_code_knows_the_domain() -> None:
    """The domain comes by the setting alone."""
    checkout = Path(__file__).parents[3]
    for room in ("domain", "store", "flows", "sql"):
        for file in (checkout / room).rglob("*"):
            if file.suffix in (".py", ".sql"):
                text = file.read_text(encoding="utf-8")
                told = [word for word in ("tests.domains.permits", "CaseReceived", "permit_cases") if word in text]
                assert not told, file


def test_the_sample_crosses_a_change_of_clocks() -> None:
    """Otherwise the test could not distinguish Amsterdam's calendar from UTC."""
    days = by_pandas.steps_per_day(by_pandas.read(SAMPLE))
    assert {date(2019, 3, 31), date(2019, 10, 27), date(2020, 1, 1)} & {day for day, _ in days}
    frame = by_pandas.read(SAMPLE)
    local = frame["at"].dt.tz_convert("Europe/Amsterdam").dt.date
    assert (local != frame["at"].dt.date).any()
