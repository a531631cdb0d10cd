"""Checks in SQL: each file in `audits/` selects the rows that should not exist. To add a check, add a file.

    -- Streams whose versions do not run from 1 without a gap.
    -- severity: error
    -- place: tenant_id, aggregate_type, aggregate_id
    SELECT tenant_id, aggregate_type, aggregate_id, … AS problem FROM audited_events …

Its name is the file's. The columns in `place` say where; `problem`, if there is one, is the sentence, in place of the
file's first line; the others are details. It reads `audited_events`, the events that the audit is confined to, or
any other table, and may take these parameters: PARAMETERS. With `projection: user_view` (or `projection: each`)
it is made on that read model, found under its bare name, and `checkpoint` is how far that has come; such a check is
not made while keys are parked.

What it finds can be repaired if the file says how, in a line `-- repair:`

    rows         the rows of `projection` with the keys in `place` are re-derived from their events
    snapshots    the streams in `place` are replayed, and the snapshot of that `version` is replaced or dropped
    parked_keys  the parked keys of the read model in `place` (`projection`) are tried again
    outbox_heads the keys in `place` (`reaction`, `tenant_id`, `key`) have a head if they have rows in the outbox
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError, errors
from psycopg.types.json import Jsonb

from acci.domain.errors import DefinitionError
from acci.domain.events import by_stored_name
from acci.store.auditing.checks import Check, CheckContext, DoesNotFit, LeftOut
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.repairs import (
    Repair,
    repair_listed_rows,
    repair_outbox_heads,
    repair_parked_keys,
    repair_snapshots,
)
from acci.store.auditing.scope import of_audited_events
from acci.store.postgres.refusals import first_line
from acci.store.postgres.statements import SQL, sql
from acci.store.registry import Catalogue

# checkpoint, generation, projection: of the read model. skipped: positions that it leaves out for good. terminal: by
# aggregate type, the events after which nothing may come. one_in, turn: the sample. tenant_id: the tenant, or NULL.
PARAMETERS = ("checkpoint", "generation", "projection", "skipped", "terminal", "one_in", "turn", "tenant_id")
EACH, ROWS = "each", "rows"
REPAIRS: dict[str, Repair] = {
    ROWS: repair_listed_rows,
    "outbox_heads": repair_outbox_heads,
    "parked_keys": repair_parked_keys,
    "snapshots": repair_snapshots,
}


@dataclass(frozen=True)
class Audit:
    """One file: its header, and the query without a closing semicolon."""

    name: str
    severity: Severity
    description: str
    place: tuple[str, ...]
    projection: str | None
    repair: str | None
    text: str


def sql_checks(catalogue: Catalogue) -> list[Check]:
    """The checks of ACCI's own folder and of every registered context's. Raises `DefinitionError`."""
    folders = dict.fromkeys([SQL / "audits", *(context.sql / "audits" for context in catalogue.contexts)])
    audits = [_parsed(file) for folder in folders for file in sorted(folder.glob("*.sql"))]
    here = [audit for audit in audits if audit.projection in (None, EACH, *catalogue.projections)]
    for audit in here:
        _require_repairable(audit, catalogue)
    return [_check(audit) for audit in here]


def _require_repairable(audit: Audit, catalogue: Catalogue) -> None:
    """Raises `DefinitionError` if rows are to be repaired that its findings do not name."""
    if audit.repair != ROWS:
        return
    names = catalogue.projections if audit.projection == EACH else (audit.projection or "",)
    for key in (catalogue.projection(name).key for name in names):
        if not {*key} <= {*audit.place}:
            reason = f"its repair needs the key of the rows; give its place the columns {', '.join(key)}."
            raise DefinitionError(f"The audit {audit.name}.sql", reason)


def _check(audit: Audit) -> Check:
    return Check(
        audit.name,
        audit.severity,
        audit.description,
        partial(_rows_found, audit),
        audit.place,
        of_read_model=audit.projection is not None,
        only=None if audit.projection == EACH else audit.projection,
        narrows="audited_events" in audit.text,
        samples="audited_events" in audit.text or "%(one_in)s" in audit.text,
        repair=None if audit.repair is None else REPAIRS[audit.repair],
    )


@cache
def _parsed(file: Path) -> Audit:
    text = file.read_text(encoding="utf-8")
    header: dict[str, str] = {}
    description: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        name, colon, value = line.removeprefix("--").partition(":")
        if colon and name.strip() in ("severity", "place", "projection", "repair"):
            header[name.strip()] = value.strip()
        else:
            description.append(line.removeprefix("--").strip())
    if not description or "place" not in header:
        reason = "begin it with a comment that says what it finds, and `-- place:` with the columns that say where."
        raise DefinitionError(f"The audit {file.name}", reason)
    if header.get("severity", "error") not in list(Severity):
        raise DefinitionError(f"The audit {file.name}", f"its severity is one of {', '.join(Severity)}.")
    if header.get("repair", ROWS) not in REPAIRS:
        raise DefinitionError(f"The audit {file.name}", f"its repair is one of {', '.join(REPAIRS)}.")
    if header.get("repair") == ROWS and "projection" not in header:
        reason = "its repair re-derives rows of a read model; say which one by `-- projection:`."
        raise DefinitionError(f"The audit {file.name}", reason)
    return Audit(
        file.stem,
        Severity(header.get("severity", "error")),
        " ".join(description),
        tuple(part.strip() for part in header["place"].split(",")),
        header.get("projection"),
        header.get("repair"),
        text.rstrip().rstrip(";"),
    )


def _rows_found(audit: Audit, context: CheckContext) -> Iterator[Found]:
    connection, scope = context.connection, context.scope
    confined = "audited_events" in audit.text
    if scope.keys and not confined:
        raise DoesNotFit(f"{audit.name} cannot be confined to keys.")
    if scope.tenant_id is not None and not confined and "tenant_id" not in audit.place:
        raise DoesNotFit(f"{audit.name} cannot be confined to a tenant.")
    text = f"SELECT * FROM (\n{audit.text}\n) AS audit"  # noqa: S608 the file is part of the program
    if scope.tenant_id is not None and "tenant_id" in audit.place:
        text += " WHERE tenant_id = %(tenant_id)s"
    parameters = _parameters(audit, context)
    try:
        cursor = connection.execute(of_audited_events(connection, scope, text), parameters)
    except (errors.SyntaxErrorOrAccessRuleViolation, ProgrammingError) as error:
        raise DefinitionError(f"The audit {audit.name}.sql", f"PostgreSQL refuses it: {first_line(error)}.") from error
    names = [column.name for column in cursor.description or ()]
    missing = [name for name in audit.place if name not in names]
    if missing:
        raise DefinitionError(f"The audit {audit.name}.sql", f"its query gives no column {missing[0]!r}.")
    for row in cursor:
        values = dict(zip(names, row, strict=True))
        place = {name: _text(values.pop(name)) for name in audit.place}
        problem = values.pop("problem", None) or audit.description
        yield Found(place, audit.severity, problem, {name: _text(value) for name, value in values.items()})


def _parameters(audit: Audit, context: CheckContext) -> dict[str, Any]:
    terminal = {
        name: list(by_stored_name(aggregate.terminal)) for name, aggregate in context.catalogue.aggregates.items()
    }
    parameters: dict[str, Any] = dict.fromkeys(PARAMETERS)
    scope = context.scope
    parameters |= {"tenant_id": scope.tenant_id, "one_in": scope.one_in, "turn": scope.offset}
    parameters["terminal"] = Jsonb(terminal)
    if audit.projection is not None:
        live = context.of_read_model()
        generation, exclusions = live.generation, live.exclusions()
        if exclusions.parked:
            raise LeftOut(f"Keys of {generation.projection} are parked, so {audit.name} was not made.")
        context.connection.execute(sql("generations/schemas:enter"), {"schema": generation.schema})
        parameters |= {
            "checkpoint": generation.checkpoint,
            "generation": generation.generation,
            "projection": generation.projection,
            "skipped": list(exclusions.skipped),
        }
    return parameters


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
