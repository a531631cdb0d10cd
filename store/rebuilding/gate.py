"""The gate: the checks that a new generation must pass before readers see it. They change nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from psycopg import IsolationLevel

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.generations import Busy, Generation, NotBuilt
from acci.store.generations.live import on_live, require_there, while_there
from acci.store.generations.table_definition import alterations
from acci.store.log.unknown_events import WHAT_TO_DO, count_unknown_events, listed
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.compared_columns import Given
from acci.store.projecting.exclusions import Exclusions
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.registry import Catalogue
from acci.store.verifying.generation_totals import generation_totals
from acci.store.verifying.reference_sample import Sample, check_sample
from acci.store.verifying.table_diff import EXAMPLES, Comparison, compare, spelled_key

SAMPLE = 100  # keys
CHANGES_ALLOWED = 10  # per cent of the live rows


@dataclass(frozen=True)
class GateThresholds:
    """What the gate lets pass: dead letters, and how many per cent of the live rows may be removed or changed."""

    dead_letters: bool = False
    changes: int = CHANGES_ALLOWED
    sample: int = SAMPLE


@dataclass(frozen=True)
class Check:
    """One check: whether the generation passes, and what was found, as a sentence."""

    check: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Verdict:
    """The gate's result for a generation; `comparison` is with the live one, if there is one."""

    projection: str
    generation: int
    checks: tuple[Check, ...]
    comparison: Comparison | None = None

    @property
    def objections(self) -> tuple[str, ...]:
        return tuple(check.found for check in self.checks if not check.passed)

    def require(self) -> None:
        """Raises `GateClosed` if any check failed."""
        if self.objections:
            raise GateClosed(self.projection, self.generation, self.objections)

    @property
    def only_changes_too_much(self) -> bool:
        """Whether the only objection is that it differs from the live one more than allowed."""
        return {check.check for check in self.checks if not check.passed} == {"changes"}


class GateClosed(AcciError):
    """A new generation was not published; `objections` are sentences."""

    projection: str
    generation: int
    objections: tuple[str, ...]

    sentence = (
        "Generation {generation} of {projection} was not published, the live one stays: "
        "{objections: } Mend what is wrong and rebuild it again."
    )


def inspect(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    generation: Generation,
    allowed: GateThresholds = GateThresholds(),
    further: Iterable[Check] = (),
    against_live: bool = True,
) -> Verdict:
    """The verdict on a finished generation, with `further` checks of the caller's.

    Unless `against_live`, it may differ from the live one as much as it likes. Raises `BuildGone`.
    """
    with while_there(connection, generation):
        checks = [
            _shape(connection, generation),
            _dead_letters(connection, generation, allowed),
            _unknown_events(connection, catalogue, generation),
        ]
        read_model = LiveReadModel(connection, projection, generation)
        exclusions = read_model.exclusions()
        with connection.transaction():
            connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            checks += _totals(read_model, exclusions)
        with connection.transaction():
            connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            sample = check_sample(read_model, catalogue, exclusions, allowed.sample)
            checks.append(_sample(sample))
        comparison = _comparison(connection, projection, generation, sample.given) if against_live else None
        if comparison is not None:
            checks.append(_changes(comparison, allowed.changes))
        verdict = Verdict(projection.name, generation.generation, (*checks, *further), comparison)
        if verdict.objections:
            require_there(connection, generation)  # a table that is gone fails any check
        return verdict


def _shape(connection: Connection, generation: Generation) -> Check:
    found = alterations(connection, generation)
    if found:
        return Check("table", False, f"Its table was altered by hand: {'; '.join(found)}.")
    return Check("table", True, "The table is as its SQL file makes it.")


def _dead_letters(connection: Connection, generation: Generation, allowed: GateThresholds) -> Check:
    row = connection.execute(sql("projecting/dead_letters:count"), vars(generation)).fetchone()
    count = row[0] if row else 0
    if not count:
        return Check("dead letters", True, "Every event could be applied.")
    if allowed.dead_letters:
        return Check("dead letters", True, f"{count:,} events could not be applied, which is allowed.")
    new = connection.execute(sql("projecting/dead_letters:new_to_live"), vars(generation)).fetchone()
    if new == (0,):
        return Check("dead letters", True, f"{count:,} events could not be applied, all of them dead letters already.")
    found = f"{count:,} events could not be applied: see `acci dead-letters list`; mend, discard or allow them."
    return Check("dead letters", False, found)


def _unknown_events(connection: Connection, catalogue: Catalogue, generation: Generation) -> Check:
    found = count_unknown_events(connection, catalogue, generation.checkpoint)
    if found:
        said = f"Events of unknown types, so their rows may be missing: {listed(found)}. {WHAT_TO_DO}"
        return Check("event types", False, said)
    return Check("event types", True, "Every event is of a registered class, or retired.")


def _totals(read_model: LiveReadModel, exclusions: Exclusions) -> list[Check]:
    parked = len(exclusions.parked)
    totals = generation_totals(read_model, exclusions)
    if not totals:
        return [Check("control totals", True, "Not counted: a fold in Python has none.")]
    without = f" ({parked:,} keys parked behind dead letters left out)" if parked else ""
    return [
        Check(
            "control totals",
            total.agrees,
            f"The {total.what} are {total.stored}, as counted from the events{without}."
            if total.agrees
            else f"The {total.what} should be {total.expected} as counted from the events, and are {total.stored}"
            f"{without}.",
        )
        for total in totals
    ]


def _sample(sample: Sample) -> Check:
    found = sample.found
    wrong = found.added + found.removed + found.changed
    left = f" ({sample.left_out:,} keys with long histories left out)" if sample.left_out else ""
    if sample.failed:
        first = sample.failed[0]
        left += f" ({len(sample.failed):,} that it cannot derive, such as {spelled_key(first.key)}: {first.error})"
    if not sample.keys:
        return Check("sample", True, f"There was no key to re-derive{left}.")
    if not wrong:
        return Check("sample", True, f"{sample.keys:,} keys re-derived by the reference engine agree{left}.")
    listed = ", ".join(f"{spelled_key(key)} ({what})" for key, what in found.examples[:EXAMPLES])
    return Check("sample", False, f"{wrong:,} of {sample.keys:,} keys re-derived differ{left}: {listed}.")


def _comparison(
    connection: Connection, projection: type[Projection], generation: Generation, given: Given
) -> Comparison | None:

    def compared(live: Generation) -> Comparison:
        with connection.transaction():
            connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            now = generations.one(connection, live.generation)  # in the same snapshot as its rows
            if now.state != "live":
                raise Busy(projection.name, "rebuild")
            return compare(connection, projection, now, generation, given)

    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        return on_live(connection, projection.name, compared)
    except NotBuilt:
        return None
    finally:
        connection.isolation_level = None


def _changes(comparison: Comparison, allowed: int) -> Check:
    share = 100 * comparison.share
    by_column = "".join(f", {name} in {count:,}" for name, count in comparison.columns.items())
    text = (
        f"Of {comparison.live:,} live rows {comparison.removed:,} go and {comparison.changed:,} change{by_column}; "
        f"{comparison.added:,} are added."
    )
    if comparison.moving:
        text += f" Not compared: {comparison.moving:,} keys that events between the two positions affect."
    if share > allowed:
        text += (
            f" That is {share:.1f} % of them, more than the {allowed} % allowed: "
            f"if it is meant, allow it with `--changes-allowed {min(ceil(share), 100)}`."
        )
    return Check("changes", share <= allowed, text)
