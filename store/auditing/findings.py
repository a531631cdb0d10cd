"""Findings: what audits found wrong, kept until an audit sees that it is resolved."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from acci.domain.errors import legible
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

Place = Mapping[str, str | None]
EVERYWHERE: tuple[Place, ...] = ({},)


class Severity(StrEnum):
    """How bad a finding is: worth knowing, worth looking at, or wrong."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    def reaches(self, other: "Severity") -> bool:
        """Whether it is as bad as `other`, or worse."""
        ranks = list(Severity)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True)
class Found:
    """Something wrong, now: `place` says where (names to text), `problem` what, as a sentence."""

    place: Place
    severity: Severity
    problem: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A stored finding: seen from `first_seen` to `last_seen`, resolved at `resolved_at` (None: still open)."""

    finding: int
    check: str
    projection: str | None
    place: dict[str, str | None]
    severity: Severity
    problem: str
    details: dict[str, Any]
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None


@dataclass(frozen=True)
class Kept:
    """What was recorded: how many findings are new, and how many are resolved."""

    new: int
    resolved: int


def record_findings(
    connection: Connection, check: str, projection: str | None, found: Iterable[Found], covered: Sequence[Place]
) -> Kept:
    """Store what a check found, and resolve its other findings at the places `covered`. Atomic.

    A place covers all places that agree with it: {} every one, {"tenant_id": "acme"} all of that tenant.
    """
    rows = [_storable(vars(each) | {"place": dict(each.place)}) for each in found]
    with connection.transaction():
        row = connection.execute(sql("auditing/findings:now")).fetchone()
        common = {"check": check, "projection": projection, "now": row and row[0]}
        recorded = connection.execute(sql("auditing/findings:record"), common | {"found": Jsonb(rows)}).fetchall()
        within = Jsonb([dict(place) for place in covered])
        resolved = connection.execute(sql("auditing/findings:resolve"), common | {"within": within}).rowcount
    return Kept(sum(new for (new,) in recorded), resolved)


def _storable(row: dict[str, Any]) -> Any:
    """What was found, in characters that PostgreSQL has."""
    text = json.dumps(row)
    return _legible(row) if "\\u0000" in text or "\\ud" in text else row


def _legible(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, Mapping):
        return {legible(name): _legible(inner) for name, inner in value.items()}
    return [_legible(inner) for inner in value] if isinstance(value, list | tuple) else value


def findings(
    connection: Connection,
    check: str | None = None,
    projection: str | None = None,
    resolved: bool = False,
    limit: int = 1_000_000,
) -> list[Finding]:
    """The findings that are open, and with `resolved` those that are gone too; worst first."""
    parameters = {"check": check, "projection": projection, "resolved": resolved, "limit": limit}
    rows = connection.execute(sql("auditing/findings:list"), parameters).fetchall()
    found = [Finding(*row) for row in rows]
    return [replace(each, severity=Severity(each.severity)) for each in found]


def history(connection: Connection, days: int) -> list[tuple[date, dict[Severity, int]]]:
    """How many findings were open at the end of each of the last `days` days, oldest first."""
    rows = connection.execute(sql("auditing/findings:history"), {"days": days}).fetchall()
    worst_first = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    return [(day, dict(zip(worst_first, counts, strict=True))) for day, *counts in rows]
