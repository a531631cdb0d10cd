"""An audit: checks made, each in a moment of its own, and what they found kept."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from acci.domain.errors import CannotApply, DefinitionError, UnknownName
from acci.store.auditing import kept_generations, payloads, read_models, rows, schema, snapshots, views
from acci.store.auditing.checks import MOST, Check, DoesNotFit, LeftOut, Looking, one_moment
from acci.store.auditing.findings import Found, Place, Severity, keep
from acci.store.auditing.scope import WHOLE, Extent
from acci.store.auditing.sql_checks import sql_checks
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import first_line
from acci.store.projecting.poison_events import TooManyDeadLetters, is_poison
from acci.store.registry import Catalogue, several

ROWS, SNAPSHOTS = "rows", "snapshots"
LOOKS = 3  # at most, while generations come and go
_of_the_whole = partial(Check, of_read_model=True, narrows=False, samples=False)
_IN_PYTHON = (
    Check("payloads", Severity.ERROR, "An event cannot be read by today's code.", payloads.look),
    Check(SNAPSHOTS, Severity.ERROR, "A snapshot is not what its stream's events fold to.", snapshots.look),
    Check(
        "schema",
        Severity.ERROR,
        "ACCI's own tables, rights, policies, triggers or functions are not as the migrations make them.",
        schema.look,
        ("object",),
        narrows=False,
        samples=False,
    ),
    Check(
        "views",
        Severity.ERROR,
        "Readers do not see the live generation, or not what is theirs.",
        views.look,
        ("projection",),
        narrows=False,
        samples=False,
    ),
    Check(ROWS, Severity.ERROR, "A row is not what its events give.", rows.look, of_read_model=True),
    Check(
        "kept",
        Severity.ERROR,
        "A kept generation is not what its events give.",
        kept_generations.look,
        of_read_model=True,
    ),
    _of_the_whole("rules", Severity.WARNING, "A read model was made by other rules.", read_models.rules),
    _of_the_whole("table", Severity.ERROR, "A read model's table was altered by hand.", read_models.table),
    _of_the_whole("totals", Severity.ERROR, "A read model misses the total of its events.", read_models.totals),
    _of_the_whole(
        read_models.SECOND_OPINION,
        Severity.ERROR,
        "The reference engine derives a row otherwise.",
        read_models.second_opinion,
    ),
)


@dataclass(frozen=True)
class Audited:
    """What one check came to: `found` (with `more`, only the first), how many of them are new, how many others gone.

    `left_out` says why it was not made; `fits` is false if it cannot be made of such a part at all.
    """

    check: str
    projection: str | None
    extent: str
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
    connection: Connection, catalogue: Catalogue, check: Check, projection: str | None = None, extent: Extent = WHOLE
) -> Audited:
    """Make the check and keep what it finds. Nothing but findings is written; writers and runners go on beside it.

    Raises `DefinitionError` for a check's file that cannot be used.
    """
    began = time.monotonic()
    if not check.narrows and extent.keys:
        return _left_out(check, projection, extent, DoesNotFit("It cannot be confined to keys."))
    seen = _seen_in_peace(connection, catalogue, check, projection, extent)
    if seen.left_out is not None:
        return _left_out(check, projection, extent, seen.left_out)
    found = list(seen.found)
    more, found = len(found) > MOST, found[:MOST]
    # What was found before is gone only if the check was made to its end.
    looked_at = _looked_at(check, catalogue, projection, extent) if seen.to_its_end else ()
    remembered = keep(connection, check.name, projection, found, looked_at)
    seconds = round(time.monotonic() - began, 3)
    new, resolved = remembered.new, remembered.resolved
    return Audited(check.name, projection, str(extent), tuple(found), more, new, resolved, seconds)


@dataclass(frozen=True)
class _Seen:
    """What a check saw; `left_out` is why it was not made, `to_its_end` whether it saw everything."""

    found: tuple[Found, ...] = ()
    to_its_end: bool = False
    left_out: LeftOut | None = None


def _seen_in_peace(
    connection: Connection, catalogue: Catalogue, check: Check, projection: str | None, extent: Extent
) -> _Seen:
    """What the check saw; anything wrong is looked at again if generations were published or dropped meanwhile.

    A moment's view of the generations does not go with what there is of them by now: their tables, who works on them.
    """
    for _ in range(LOOKS - 1):
        before = generations.states(connection, projection)
        try:
            seen = _see(connection, catalogue, check, projection, extent)
        except Exception:
            if generations.states(connection, projection) == before:
                raise
            continue
        if seen == _Seen(to_its_end=True) or generations.states(connection, projection) == before:
            return seen
    return _see(connection, catalogue, check, projection, extent)


def _see(connection: Connection, catalogue: Catalogue, check: Check, projection: str | None, extent: Extent) -> _Seen:
    found: list[Found] = []
    made = False
    try:
        with one_moment(connection):
            found.extend(islice(check.look(_looking(connection, catalogue, projection, extent)), MOST + 1))
            made = len(found) <= MOST
    except LeftOut as reason:
        return _Seen(left_out=reason)
    except TooManyDeadLetters as error:
        found.append(Found({}, Severity.ERROR, str(error)))
    except Exception as error:
        if not (is_poison(error) or isinstance(error, CannotApply)):
            raise
        problem = f"The check cannot be made on what is stored: {first_line(error)}."
        found.append(Found({}, Severity.WARNING, problem))
    return _Seen(tuple(found), made)


def _looking(connection: Connection, catalogue: Catalogue, projection: str | None, extent: Extent) -> Looking:
    if projection is None:
        return Looking(connection, catalogue, extent)
    generation = generations.live(connection, projection)
    if generation is None:
        raise LeftOut(f"{projection} has never been built.")
    return Looking(connection, catalogue, extent, catalogue.projection(projection), generation)


def _looked_at(check: Check, catalogue: Catalogue, projection: str | None, extent: Extent) -> tuple[Place, ...]:
    """The places whose findings are gone unless they were found again."""
    if not check.narrows:
        extent = Extent(extent.tenant_id if "tenant_id" in check.place else None, one_in=extent.one_in)
    if not check.samples:
        extent = replace(extent, one_in=1)
    columns = ("tenant_id", "aggregate_id") if projection is None else catalogue.projection(projection).key
    return extent.places(columns)


def _left_out(check: Check, projection: str | None, extent: Extent, reason: LeftOut) -> Audited:
    fits = not isinstance(reason, DoesNotFit)
    return Audited(check.name, projection, str(extent), (), left_out=str(reason), fits=fits)
