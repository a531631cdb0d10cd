"""Whether audits run, and what they found."""

from collections.abc import Iterator

from acci.store.auditing.statistics import last_audit, open_findings
from acci.store.monitoring.checks.check import Bounds, Check, span
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


def last(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """There was a whole audit, not long ago."""
    last, hours = last_audit(connection), bounds.audit_hours
    if last is None:
        row = connection.execute(sql("monitoring/health:schema_age")).fetchone()
        age = float(row[0]) if row and row[0] is not None else 0.0
        yield Check("last audit", age <= hours * 3600, "There was no full audit yet: run `acci run audit`.")
        return
    sample = "" if last.one_in == 1 else f", of one key in {last.one_in}"
    said = f"The last audit{sample}, {span(last.age)} ago, found {last.errors:,} errors and {last.warnings:,} warnings"
    if last.age > hours * 3600:
        yield Check("last audit", False, f"{said}: that is long ago; run `acci run audit`, and see its schedule.")
    else:
        yield Check("last audit", True, f"{said}.")


def findings(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    """No finding of severity error is open."""
    found = open_findings(connection)
    errors = sum(many for (severity, _), many in found.items() if severity == "error")
    lesser = sum(found.values()) - errors
    if errors:
        said = f"{errors:,} findings of severity error are open: see `acci findings`; `acci run repair` mends rows."
        yield Check("findings", False, said)
    else:
        yield Check("findings", True, f"No error is open, {lesser:,} lesser findings are.")
