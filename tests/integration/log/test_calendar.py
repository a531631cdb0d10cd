"""The calendar's ends: every part accepts the same dates and timestamps, those of the years 1 to 9999."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.expressions.functions import TRUNCATIONS
from acci.domain.projections import Projection, Upsert, date_trunc, local_date, on
from acci.store.auditing.audit import audit, chosen
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build, gate, new_generation
from acci.store.rebuilding.gate import GateClosed
from acci.store.registry import Catalogue
from acci.store.testing.harness import logged
from tests.integration.compiling.test_expressions import Said, differences, said

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
ZONES = ("UTC", "Europe/Brussels", "America/St_Johns", "Pacific/Kiritimati", "Etc/GMT+12")


@pytest.mark.parametrize("zone", ZONES)
def test_dates_and_timestamps_at_the_ends_of_the_calendar(connection: Connection, zone: str) -> None:
    after = [FIRST + timedelta(hours=hours, minutes=7) for hours in (0, 3, 11, 13, 15, 40, 24 * 400)]
    before = [LAST - timedelta(hours=hours, minutes=7) for hours in (0, 3, 11, 13, 15, 40, 24 * 400)]
    events = [said("a", number, at) for number, at in enumerate((FIRST, LAST, *after, *before), 1)]
    with logged(connection, events):
        for unit in TRUNCATIONS:
            rule = lambda event: date_trunc(unit, event.timestamp, zone)  # noqa: B023, E731
            assert not differences(connection, rule, Said, events), unit
        assert not differences(connection, lambda event: local_date(event.timestamp, zone), Said, events)


class Agreed(EventData):
    until: datetime


class Deals(Projection):
    key = ("tenant_id", "id")

    @on(Agreed)
    def agreed(self, event: Event[Agreed]) -> Upsert:
        until = event.data.until
        return Upsert(
            until=until, last_day=local_date(until, "Europe/Amsterdam"), year=date_trunc("year", until, "Asia/Tokyo")
        )


BEYOND = (
    "9999-12-31T23:59:59Z",  # the year 10000 in Amsterdam
    "0001-01-01T00:00:00Z",  # its year begins before the calendar in Tokyo
    "9999-12-31T23:59:59-05:00",
    "0001-01-01T00:00:00+05:00",
    "infinity",
    "-infinity",
    "200000-01-01T00:00:00Z",
    "0044-03-15 12:00:00+00 BC",
)


def test_an_event_beyond_the_calendar_is_a_dead_letter_and_stops_nothing(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "deals.sql").write_text(
        "CREATE TABLE deals (tenant_id text, id text, until timestamptz, last_day date, year timestamptz,"
        " PRIMARY KEY (tenant_id, id))"
    )
    catalogue = Catalogue((Context(name="deals", sql=tmp_path, events=(Agreed,), projections=(Deals,)),))
    build.rebuild(connection, catalogue, Deals)
    for number, until in enumerate(("2026-01-01T00:00:00Z", *BEYOND)):
        connection.execute(
            """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                        data, metadata)
               VALUES (now(), gen_random_uuid(), 1, 't', 'Deal', %s, 'Agreed', jsonb_build_object('until', %s::text),
                       '{}')""",
            (f"deal-{number}", until),
        )
    assert batches.catch_up(connection, catalogue, Deals).dead_letters == len(BEYOND)
    shown = connection.execute("SELECT id, last_day::text FROM read.deals").fetchall()
    assert shown == [("deal-0", "2026-01-01")]
    assert "within_the_years_1_to_9999" in dead_letters.letters(connection)[0].error
    for check, name in chosen(catalogue, (), "deals"):
        assert audit(connection, catalogue, check, name).found == ()
    assert [row["id"] for row in rows_as_of(connection, catalogue, Deals)] == ["deal-0"]
    build.rebuild(connection, catalogue, Deals, steps=build.STEPS)
    assert connection.execute("SELECT id, last_day::text FROM read.deals").fetchall() == shown

    generation, parts = new_generation.begin(connection, catalogue, Deals, 1)
    for part in parts:
        new_generation.fill(connection, Deals, generation, part)
    finished = new_generation.finish(connection, Deals, generation)
    connection.execute("DELETE FROM acci.dead_letters WHERE position = 3 AND generation <> %s", (finished.generation,))
    with pytest.raises(GateClosed, match="8 events could not be applied: see"):
        gate.inspect(connection, catalogue, Deals, finished).require()
