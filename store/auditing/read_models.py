"""Checks of a read model as a whole: its rules, its table, its totals, and a second opinion on a few of its rows."""

from collections.abc import Iterable, Iterator

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.auditing.checks import LeftOut, Looking
from acci.store.auditing.findings import Finding, Found, Severity, findings
from acci.store.compiling.event_filter import Selection
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import require_same_rules
from acci.store.generations.table_definition import alterations
from acci.store.postgres.statements import sql
from acci.store.projecting.poison_events import watching_out
from acci.store.projecting.ranges import Span
from acci.store.verifying.control_totals import control_totals
from acci.store.verifying.reference_sample import check_sample
from acci.store.verifying.table_diff import spelled_key

SECOND_OPINION = "second_opinion"
SAMPLE = 50  # keys that the reference engine derives


def rules(looking: Looking) -> Iterator[Found]:
    """Rules that are no longer those that made the rows."""
    projection, generation = looking.of_read_model()
    try:
        require_same_rules(generation, define(looking.catalogue, projection))
    except AcciError as refusal:
        yield Found({}, Severity.WARNING, str(refusal))


def table(looking: Looking) -> Iterator[Found]:
    """What was altered by hand about the table."""
    projection, generation = looking.of_read_model()
    for change in alterations(looking.connection, generation):
        problem = f"The table of {projection.name} was altered by hand: {change}."
        yield Found({"part": change}, Severity.ERROR, problem)


def totals(looking: Looking) -> Iterator[Found]:
    """Totals, counted from the events without folding them, that the table does not come to."""
    projection, generation = looking.of_read_model()
    _require_sound(looking)
    which = Selection(0, generation.checkpoint, skipped=_skipped(looking))
    but = generation.generation if _parked(looking) else None
    read_model = generation.read_model(looking.connection)
    for total in control_totals(looking.connection, projection, read_model, which, but):
        if not total.agrees:
            problem = f"{total.what}: {total.stored} in the table, {total.expected} by the events."
            details = {"stored": total.stored, "expected": total.expected}
            yield Found({"total": total.what}, Severity.ERROR, problem, details)


def second_opinion(looking: Looking) -> Iterator[Found]:
    """Rows, of a few drawn by chance and of those found before, that the reference engine derives otherwise."""
    projection, generation = looking.of_read_model()
    _require_sound(looking)
    connection = looking.connection
    which = Selection(0, generation.checkpoint, skipped=_skipped(looking))
    read_model = generation.read_model(connection)
    parked = _parked(looking)
    try:
        known = keys_of(projection, findings(connection, SECOND_OPINION, projection.name))
        sample = check_sample(connection, looking.catalogue, projection, read_model, which, SAMPLE, parked, known)
    except AcciError as refusal:
        raise LeftOut(str(refusal)) from refusal
    for key, difference in sample.found.examples:
        problem = f"The reference engine derives {spelled_key(key)} otherwise: {difference}."
        yield Found(dict(zip(projection.key, key, strict=True)), Severity.ERROR, problem)
    for failed in sample.failed:
        problem = f"The reference engine cannot derive {spelled_key(failed.key)}, so it has no second opinion: "
        yield Found(dict(zip(projection.key, failed.key, strict=True)), Severity.WARNING, problem + failed.error)


def keys_of(projection: type[Projection], found: Iterable[Finding]) -> list[tuple[str | None, ...]]:
    """The keys of the rows that findings are about."""
    return [tuple(each.place[name] for name in projection.key) for each in found if {*projection.key} <= {*each.place}]


def _require_sound(looking: Looking) -> None:
    if [*rules(looking), *table(looking)]:
        raise LeftOut("Its rules or its table changed, so its rows cannot be told from the events.")


def _skipped(looking: Looking) -> tuple[int, ...]:
    _, generation = looking.of_read_model()
    return watching_out(looking.connection, generation, Span(0, generation.checkpoint)).skipped


def _parked(looking: Looking) -> set[tuple[str | None, ...]]:
    _, generation = looking.of_read_model()
    parked = looking.connection.execute(sql("projecting/parked_keys:of_generation"), vars(generation))
    return {tuple(row[0]) for row in parked.fetchall()}
