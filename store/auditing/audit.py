"""An audit: checks made, each on the data of one point in time, and their findings recorded."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import psycopg

from acci.domain.errors import AcciError, CannotApply, DefinitionError, UnknownName
from acci.domain.projections import Projection
from acci.store.auditing import (
    decisions,
    kept_generations,
    payloads,
    processes,
    read_models,
    repairs,
    rows,
    schema,
    snapshots,
    views,
)
from acci.store.auditing.checks import MOST, Check, CheckContext, DoesNotFit, LeftOut
from acci.store.auditing.findings import Found, Place, Severity, record_findings
from acci.store.auditing.scope import WHOLE, AuditScope
from acci.store.auditing.sql_checks import sql_checks
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import first_line, refusal_of
from acci.store.postgres.replica import ELSEWHERE
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.poison_events import TooManyDeadLetters, is_poison
from acci.store.registry import Catalogue, several

ROWS, SNAPSHOTS = "rows", "snapshots"
TRIES = 3  # at most, while generations come and go
_of_the_whole = partial(Check, of_read_model=True, narrows=False, samples=False)
_IN_PYTHON = (
    Check("payloads", Severity.ERROR, "An event cannot be read by today's code.", payloads.check_payloads),
    Check(
        SNAPSHOTS,
        Severity.ERROR,
        "A snapshot differs from what its stream's events fold to.",
        snapshots.check_snapshots,
        repair=repairs.repair_snapshots,
    ),
    Check(
        "processes",
        Severity.ERROR,
        "A process manager's state differs from what the events of its key fold to.",
        processes.check_processes,
        ("reaction", "tenant_id", "key"),
        repair=processes.repair_processes,
    ),
    Check(
        "decisions",
        Severity.WARNING,
        "A reaction would decide an event otherwise today.",
        decisions.check_decisions,
        ("reaction", "tenant_id", "key", "position"),
    ),
    Check(
        "schema",
        Severity.ERROR,
        "ACCI's own tables, rights, policies, triggers or functions are not as the migrations make them.",
        schema.check_schema,
        ("object",),
        narrows=False,
        samples=False,
    ),
    Check(
        "views",
        Severity.ERROR,
        "Readers do not see the live generation, or not only their tenant's rows.",
        views.check_views,
        ("projection",),
        narrows=False,
        samples=False,
        repair=repairs.repair_views,
    ),
    Check(
        ROWS,
        Severity.ERROR,
        "A row differs from what its events produce.",
        rows.check_rows,
        of_read_model=True,
        repair=repairs.repair_rows,
    ),
    Check(
        "kept",
        Severity.ERROR,
        "A kept generation differs from what its events produce.",
        kept_generations.check_kept,
        of_read_model=True,
    ),
    _of_the_whole("rules", Severity.WARNING, "A read model was made by other rules.", read_models.check_rules),
    _of_the_whole("table", Severity.ERROR, "A read model's table was altered by hand.", read_models.check_table),
    _of_the_whole("totals", Severity.ERROR, "A read model's totals are not its events'.", read_models.check_totals),
    _of_the_whole(
        read_models.SECOND_OPINION,
        Severity.ERROR,
        "The reference engine derives a row differently.",
        read_models.check_second_opinion,
        repair=repairs.repair_listed_rows,
    ),
)


@dataclass(frozen=True)
class Audited:
    """The result of one check: `found` (if there are `more`, only the first), how many are new, how many were resolved.

    `left_out` says why it was not made; `fits` is false if it cannot be made of such a part at all.
    """

    check: str
    projection: str | None
    scope: str
    found: tuple[Found, ...]
    more: bool = False
    new: int = 0
    resolved: int = 0
    seconds: float = 0.0
    left_out: str | None = None
    fits: bool = True

    def worst(self) -> Severity | None:
        ranks = list(Severity)
        return max((found.severity for found in self.found), key=ranks.index, default=None)


def all_checks(catalogue: Catalogue) -> dict[str, Check]:
    """Every check, by name. Raises `DefinitionError` if two have one name."""
    checks: dict[str, Check] = {}
    for check in (*sql_checks(catalogue), *_IN_PYTHON):
        if check.name in checks:
            raise DefinitionError(f"The audit {check.name}", "there are two of that name; give one of them another.")
        checks[check.name] = check
    return checks


def chosen(catalogue: Catalogue, names: Iterable[str], projection: str | None) -> list[tuple[Check, str | None]]:
    """The checks named (none: all), each with the read model to make it on; with `projection` only that one's.

    Raises `UnknownName`.
    """
    checks = all_checks(catalogue)
    wanted = several(names, "checks") or tuple(checks)
    for name in wanted:
        if name not in checks:
            raise UnknownName("check", name, tuple(checks))
    read_models = sorted(catalogue.projections) if projection is None else [catalogue.projection(projection).name]
    pairs: list[tuple[Check, str | None]] = []
    for check in (checks[name] for name in wanted):
        if check.of_read_model:
            pairs += [(check, name) for name in read_models if check.only in (None, name)]
        elif projection is None:
            pairs.append((check, None))
    return pairs


def audit(
    connection: Connection,
    catalogue: Catalogue,
    check: Check,
    projection: str | None = None,
    scope: AuditScope = WHOLE,
    replica: Connection | None = None,
) -> Audited:
    """Make the check and keep what it finds. Nothing but findings is written; writers and runners go on beside it.

    With a `replica`, which must have all that the primary had just now, it is made there, if a standby can make it:
    one that needs a temporary table, or that a conflict with what is replayed ends, is made on `connection`.
    Raises `DefinitionError` for a check's file that cannot be used.
    """
    began = time.monotonic()
    if not check.narrows and scope.keys:
        return _left_out(check, projection, scope, DoesNotFit("It cannot be confined to keys."))
    rules = None if projection is None else catalogue.projection(projection)
    outcome = None if replica is None else _run_on_replica(replica, catalogue, check, rules, scope)
    if outcome is None:
        outcome = _run_undisturbed(connection, catalogue, check, rules, scope)
    if outcome.left_out is not None:
        return _left_out(check, projection, scope, outcome.left_out)
    found = list(outcome.found)
    more, found = len(found) > MOST, found[:MOST]
    # What was found before is gone only if the check was made to its end.
    covered = _covered(check, rules, scope) if outcome.to_its_end else ()
    recorded = record_findings(connection, check.name, projection, found, covered)
    seconds = round(time.monotonic() - began, 3)
    new, resolved = recorded.new, recorded.resolved
    return Audited(check.name, projection, str(scope), tuple(found), more, new, resolved, seconds)


@dataclass(frozen=True)
class _Outcome:
    """What a check found; `left_out` is why it was not made, `to_its_end` whether it saw everything."""

    found: tuple[Found, ...] = ()
    to_its_end: bool = False
    left_out: LeftOut | None = None


def _run_on_replica(
    replica: Connection,
    catalogue: Catalogue,
    check: Check,
    projection: type[Projection] | None,
    scope: AuditScope,
) -> _Outcome | None:
    """The outcome there; None if it has to be made on the primary."""
    try:
        return _run_undisturbed(replica, catalogue, check, projection, scope)
    except (AcciError, psycopg.Error) as error:
        if isinstance(error if isinstance(error, AcciError) else refusal_of(error), ELSEWHERE):
            return None
        raise


def _run_undisturbed(
    connection: Connection,
    catalogue: Catalogue,
    check: Check,
    projection: type[Projection] | None,
    scope: AuditScope,
) -> _Outcome:
    """The check's outcome; one that is not clean is tried again if generations were published or dropped meanwhile.

    The check's transaction sees the generations as they were, but not their tables, nor who works on them.
    """
    name = None if projection is None else projection.name
    for _ in range(TRIES - 1):
        before = generations.states(connection, name)
        try:
            outcome = _run(connection, catalogue, check, projection, scope)
        except Exception:
            if generations.states(connection, name) == before:
                raise
            continue
        if outcome == _Outcome(to_its_end=True) or generations.states(connection, name) == before:
            return outcome
    return _run(connection, catalogue, check, projection, scope)


def _run(
    connection: Connection,
    catalogue: Catalogue,
    check: Check,
    projection: type[Projection] | None,
    scope: AuditScope,
) -> _Outcome:
    found: list[Found] = []
    made = False
    try:
        # All that is read is of one point in time, and all that is written is undone.
        with connection.transaction(force_rollback=True):
            connection.execute(sql("auditing/scope:one_snapshot"))
            connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            found.extend(islice(check.run(_context(connection, catalogue, projection, scope)), MOST + 1))
            made = len(found) <= MOST
    except LeftOut as reason:
        return _Outcome(left_out=reason)
    except TooManyDeadLetters as error:
        found.append(Found({}, Severity.ERROR, str(error)))
    except Exception as error:
        if not (is_poison(error) or isinstance(error, CannotApply)):
            raise
        problem = f"The check cannot be made on what is stored: {first_line(error)}."
        found.append(Found({}, Severity.WARNING, problem))
    return _Outcome(tuple(found), made)


def _context(
    connection: Connection, catalogue: Catalogue, projection: type[Projection] | None, scope: AuditScope
) -> CheckContext:
    if projection is None:
        return CheckContext(connection, catalogue, scope)
    generation = generations.live(connection, projection.name)
    if generation is None:
        raise LeftOut(f"{projection.name} has never been built.")
    return CheckContext(connection, catalogue, scope, projection, generation)


def _covered(check: Check, projection: type[Projection] | None, scope: AuditScope) -> tuple[Place, ...]:
    """The places whose findings are gone unless they were found again."""
    if not check.narrows:
        scope = AuditScope(scope.tenant_id if "tenant_id" in check.place else None, one_in=scope.one_in)
    if not check.samples:
        scope = replace(scope, one_in=1)
    columns = ("tenant_id", "aggregate_id") if projection is None else projection.key
    return scope.places(columns)


def _left_out(check: Check, projection: str | None, scope: AuditScope, reason: LeftOut) -> Audited:
    fits = not isinstance(reason, DoesNotFit)
    return Audited(check.name, projection, str(scope), (), left_out=str(reason), fits=fits)
