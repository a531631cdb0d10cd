"""Generations are published and dropped at any time: work continues on the next one, or says what happened."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acci.domain.projections import Projection
from acci.store.auditing.audit import all_checks, audit
from acci.store.auditing.repairs import rederive_rows
from acci.store.backfilling import backfill
from acci.store.backfilling.backfill import Superseded
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations, lifecycle
from acci.store.generations.dropping import all_generations
from acci.store.generations.generations import CheckpointBeyondLog
from acci.store.generations.live import BuildGone
from acci.store.monitoring.status import read_status
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.session import options_of
from acci.store.postgres.statements import sql
from acci.store.projecting import batches, dead_letters
from acci.store.projecting.following import Follower
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build, gate, new_generation, publish, staleness
from acci.store.rebuilding.rollback import roll_back
from acci.store.registry import load
from tests.support.histories import append_bad_order, append_orders, cut_log
from tests.support.read_models import live, rows_of, wrong_rows

CATALOGUE = load(["tests.domains.orders"])
SALES = CATALOGUE.projection("daily_sales")
ITEMS = CATALOGUE.projection("largest_items")  # a fold in Python
PROJECTIONS = [SALES, ITEMS]


class Overtaken(Connection):
    """A connection on which, after a statement was executed for the `nth` time, somebody else does something."""

    after: str
    nth: int
    does: Callable[[], object]

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        cursor = super().execute(query, *args, **kwargs)
        if query == self.after:
            self.nth -= 1
            if self.nth == 0:
                self.does()
        return cursor

    def let(self, does: Callable[[], object], after: str, nth: int = 1) -> None:
        self.after, self.nth, self.does = sql(after), nth, does


@pytest.fixture
def other(database_url: str, connection: Connection) -> Iterator[Connection]:
    append_orders(connection, 5)
    with connect(database_url, "other", "project") as other:
        for projection in PROJECTIONS:
            build.rebuild(other, CATALOGUE, projection)
        yield other


@pytest.fixture
def overtaken(database_url: str, other: Connection) -> Iterator[Overtaken]:
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "options": options_of("project")}
    with Overtaken.connect(database_url, **options) as connection:
        connection.let(lambda: None, "generations/generations:live", 0)
        yield connection


def replace(other: Connection, projection: type[Projection]) -> Callable[[], None]:
    """Publish the next generation, and drop the one that was live."""

    def replaced() -> None:
        build.rebuild(other, CATALOGUE, projection)
        assert lifecycle.retain(other, projection.name, 0) == 1

    return replaced


def told(connection: Connection, projection: type[Projection]) -> list[str]:
    """The follower's first step, and what it says."""
    said: list[str] = []
    Follower(connection, CATALOGUE, [projection.name], lambda _, what: said.append(what)).step()
    return said


def found(connection: Connection, projection: type[Projection]) -> list[str]:
    """What an audit of the read model says, other than that all is well; checks left out too."""
    results = [
        audit(connection, CATALOGUE, check, projection.name if check.of_read_model else None)
        for check in all_checks(CATALOGUE).values()
        if check.only in (None, projection.name)
    ]
    return [f"{each.check}: {each.left_out or each.found}" for each in results if each.left_out or each.found]


def again(connection: Connection, projection: type[Projection]) -> int:
    """Derive every row; 0."""
    rederive_rows(
        connection,
        CATALOGUE,
        projection.name,
        [[str(part) for part in row[:2]] for row in rows_of(connection, projection)],
    )
    return 0


Work = Callable[[Connection, type[Projection]], object]
WORK: dict[str, Work] = {
    "catch-up": lambda c, p: batches.catch_up(c, CATALOGUE, p).dead_letters,
    "follow": lambda c, p: len(told(c, p)),
    "as of": lambda c, p: len(list(rows_as_of(c, CATALOGUE, p))) - len(rows_of(c, p)),
    "preview of a backfill": lambda c, p: backfill.preview(c, CATALOGUE, p, Choice()) - len(rows_of(c, p)),
    "backfill": lambda c, p: len(
        backfill.run_chunks(c, CATALOGUE, p, backfill.begin(c, CATALOGUE, p, Choice())).missing
    ),
    "repair": again,
    "why it is stale": lambda c, p: len(staleness.reasons(c, CATALOGUE, p, 10**9)),
}


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("work", WORK)
def test_work_on_a_dropped_generation_continues_on_the_next(
    overtaken: Overtaken, other: Connection, connection: Connection, projection: type[Projection], work: str
) -> None:
    append_orders(connection, 3, "later-")
    overtaken.let(replace(other, projection), "generations/generations:live")
    assert WORK[work](overtaken, projection) == 0
    assert overtaken.nth <= 0, "it was dropped"
    assert projection is ITEMS or wrong_rows(connection, projection) == 0


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_retry_continues_on_the_next_generation(
    overtaken: Overtaken, other: Connection, connection: Connection, projection: type[Projection]
) -> None:
    append_bad_order(connection)
    batches.catch_up(other, CATALOGUE, projection)
    overtaken.let(replace(other, projection), "generations/generations:live")
    retried = dead_letters.retry(overtaken, CATALOGUE, projection)
    assert (retried.released, retried.parked + retried.unreadable) == (0, 1)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_an_audit_of_a_dropped_generation_continues_on_the_next(
    overtaken: Overtaken, other: Connection, projection: type[Projection]
) -> None:
    for name in ("rows", "totals", "table", "second_opinion"):
        overtaken.let(replace(other, projection), "generations/generations:live")
        made = audit(overtaken, CATALOGUE, all_checks(CATALOGUE)[name], projection.name)
        assert (name, overtaken.nth < 1, made.found, made.left_out) == (name, True, (), None)


def test_an_audit_of_all_generations_is_not_misled_by_one_that_ends_meanwhile(
    overtaken: Overtaken, other: Connection
) -> None:
    overtaken.let(replace(other, SALES), "auditing/scope:one_snapshot")
    assert audit(overtaken, CATALOGUE, all_checks(CATALOGUE)["views"]).found == ()
    with generations.exclusive_run(other, "daily_sales", "rebuild"):
        building, parts = new_generation.begin(other, CATALOGUE, SALES, 1)

    def go_on() -> None:
        with generations.exclusive_run(other, "daily_sales", "rebuild"):
            for part in parts:
                new_generation.fill(other, SALES, building, part)
            publish.publish(other, SALES, new_generation.finish(other, SALES, building))

    overtaken.let(go_on, "projecting/session:settings")
    overtaken.execute("SELECT 1")
    assert audit(overtaken, CATALOGUE, all_checks(CATALOGUE)["generations"]).found == ()
    assert overtaken.nth <= 0


def test_a_backfill_whose_generation_is_dropped_says_so(overtaken: Overtaken, other: Connection) -> None:
    begun = backfill.begin(overtaken, CATALOGUE, SALES, Choice(), 1)
    overtaken.let(replace(other, SALES), "generations/generations:one")
    with pytest.raises(Superseded):
        backfill.run_chunks(overtaken, CATALOGUE, SALES, begun)
    assert overtaken.nth <= 0


@pytest.mark.parametrize("step", ["fill", "finish", "gate", "publish"])
def test_each_step_reports_a_discarded_build(
    overtaken: Overtaken, other: Connection, connection: Connection, step: str
) -> None:
    generation, parts = new_generation.begin(other, CATALOGUE, SALES, 1)
    if step != "fill":
        new_generation.fill(other, SALES, generation, parts[0])
    if step in ("gate", "publish"):
        generation = new_generation.finish(other, SALES, generation)
    append_orders(connection, 2, "later-")
    lifecycle.discard(other, generation)
    steps: dict[str, Callable[[], object]] = {
        "fill": lambda: new_generation.fill(overtaken, SALES, generation, parts[0]),
        "finish": lambda: new_generation.finish(overtaken, SALES, generation),
        "gate": lambda: gate.inspect(overtaken, CATALOGUE, SALES, generation),
        "publish": lambda: publish.publish(overtaken, SALES, generation),
    }
    with pytest.raises(BuildGone):
        steps[step]()
    states = {each.state for each in all_generations(connection) if each.projection == SALES.name}
    assert states == {"live"}


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_the_gate_compares_with_the_generation_that_is_live_now(
    overtaken: Overtaken, other: Connection, projection: type[Projection]
) -> None:
    generation, parts = new_generation.begin(other, CATALOGUE, projection, 1)
    new_generation.fill(other, projection, generation, parts[0])
    generation = new_generation.finish(other, projection, generation)
    older = live(other, projection)

    def go_back() -> None:
        """As after a rollback, with what was live dropped by housekeeping."""
        with other.transaction():
            other.execute(sql("generations/generations:set_state"), {"generation": older.generation, "state": "kept"})
        lifecycle.discard(other, older)

    overtaken.let(go_back, "generations/generations:live")
    verdict = gate.inspect(overtaken, CATALOGUE, projection, generation)
    assert (verdict.objections, verdict.comparison) == ((), None)
    assert overtaken.nth <= 0


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_rows_as_of_continue_on_the_next_generation(
    overtaken: Overtaken, other: Connection, projection: type[Projection]
) -> None:
    rows = rows_as_of(overtaken, CATALOGUE, projection)
    replace(other, projection)()
    assert len(list(rows)) == len(rows_of(other, projection))


@pytest.mark.parametrize("look", ["follower", "status", "staleness", "rollback", "rebuild"])
def test_events_appended_and_applied_meanwhile_are_not_a_restore(
    overtaken: Overtaken, other: Connection, connection: Connection, look: str
) -> None:
    if look == "rollback":
        build.rebuild(other, CATALOGUE, SALES)
    if look == "rebuild":
        new_generation.begin(other, CATALOGUE, SALES, 1)

    def go_on() -> None:
        append_orders(connection, 3, "meanwhile-")
        batches.catch_up(other, CATALOGUE, SALES)

    overtaken.let(go_on, "log/high_water:candidate")
    if look == "follower":
        assert told(overtaken, SALES) == []
    elif look == "status":
        states = [each.state for each in read_status(overtaken, CATALOGUE).projections if each.projection == SALES.name]
        assert states == ["live"]
    elif look == "staleness":
        assert SALES.name not in staleness.stale(overtaken, CATALOGUE)
    elif look == "rollback":
        roll_back(overtaken, CATALOGUE, SALES)
    else:
        number = generations.building(other, SALES.name)
        assert number is not None
        assert new_generation.begin(overtaken, CATALOGUE, SALES, 1)[0].generation == number.generation
    assert overtaken.nth <= 0


def test_a_restored_log_is_still_recognised(overtaken: Overtaken, connection: Connection) -> None:
    cut_log(connection, 2)
    with pytest.raises(CheckpointBeyondLog):
        batches.catch_up(overtaken, CATALOGUE, SALES)
    assert [what for what in told(overtaken, SALES) if "restored from an older backup" in what]
    assert SALES.name in staleness.stale(overtaken, CATALOGUE)
