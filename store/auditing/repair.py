"""Repairing: each check that carries a repair mends what it found, and is made again."""

from dataclasses import dataclass
from functools import cache

from acci.store.auditing.audit import Audited, all_checks, audit
from acci.store.auditing.checks import Check
from acci.store.auditing.findings import Finding, Severity, findings
from acci.store.auditing.repairs import RepairContext
from acci.store.auditing.scope import WHOLE
from acci.store.auditing.suspect_streams import (
    NOTHING_SUSPECT,
    OF_THE_LOG,
    SuspectStreams,
    find_suspect_streams,
    in_one_line,
)
from acci.store.postgres.database import Connection
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class Repaired:
    """What was done about one check's findings, and what the check said afterwards: `left` is what is still wrong.

    `left_alone` of these were not repaired, since their events in the log were changed; `because` says how.
    """

    check: str
    projection: str | None
    found: int
    left: int
    audited: tuple[Audited, ...]
    left_alone: int = 0
    because: str = ""


def repair(
    connection: Connection, catalogue: Catalogue, projection: str | None = None, trust_log: bool = False
) -> list[Repaired]:
    """Repair what the open findings name, as far as it can be derived, and audit it again; with `projection` only its.

    Rows are re-derived while no batch runs; so are parked keys, which are released if that succeeds. Wrong snapshots
    are replaced or dropped, and the live view points at the live generation again. The log's checks are made first:
    what is wrong with the log is left for a person, and so is all that may depend on it, unless `trust_log`. Findings
    of other checks that repaired rows explain, such as wrong totals, are gone afterwards too.
    Raises `RebuildNeeded`, `TableAltered`, `Busy`.
    """

    @cache
    def suspects() -> SuspectStreams:
        return NOTHING_SUSPECT if trust_log else audit_log(connection, catalogue)

    todo = [
        (check, [each for each in found if (each.projection or "") == name])
        for check in all_checks(catalogue).values()
        if check.repair is not None
        for found in (findings(connection, check.name, projection),)
        for name in sorted({each.projection or "" for each in found})
    ]
    done = [_repaired(check, RepairContext(connection, catalogue, found, suspects)) for check, found in todo]
    for name in {each.projection for each in done if each.projection and each.audited}:
        _look_again(connection, catalogue, name)
    return done


def _look_again(connection: Connection, catalogue: Catalogue, projection: str) -> None:
    """Checks of the read model that carry no repair are made again: what its rows were repaired of, they found too."""
    for check in all_checks(catalogue).values():
        if check.repair is None and findings(connection, check.name, projection):
            audit(connection, catalogue, check, projection)


def audit_log(connection: Connection, catalogue: Catalogue) -> SuspectStreams:
    """The streams that the log's own checks, made now, find to have been changed."""
    found: list[Finding] = []
    for name in OF_THE_LOG:
        audit(connection, catalogue, all_checks(catalogue)[name])
        found += [each for each in findings(connection, name) if each.severity is Severity.ERROR]
    return find_suspect_streams(connection, found)


def _repaired(check: Check, context: RepairContext) -> Repaired:
    assert check.repair is not None  # noqa: S101
    connection, projection, found = context.connection, context.findings[0].projection, context.findings
    done = check.repair(context)
    again: tuple[Audited, ...] = ()
    if done.scope is not None:
        scope = done.scope if check.narrows else WHOLE
        again = (audit(connection, context.catalogue, check, projection, scope),)
    still = {each.finding for each in findings(connection, check.name, projection)}
    left = sum(each.finding in still for each in found)
    because = in_one_line(context.suspects().problems) if done.left_alone else ""
    return Repaired(check.name, projection, len(found), left, again, len(done.left_alone), because)
