"""Checks in SQL: each file of `audits/` gives the rows that should not exist. Who adds a file adds a check.

    -- Streams whose versions do not run from 1 without a gap.
    -- severity: error
    -- place: tenant_id, aggregate_type, aggregate_id
    SELECT tenant_id, aggregate_type, aggregate_id, … AS problem FROM audited_events …

Its name is the file's. The columns in `place` say where; `problem`, if there is one, is the sentence, in place of the
file's first line; the others are details. It reads `audited_events`, the events that the audit is confined to, or
whatever else it likes, and may take these parameters: PARAMETERS. With `projection: user_view` (or `projection: each`)
it is made on that read model, found under its bare name, and `checkpoint` is how far that has come; such a check is
not made while keys are parked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError, errors
from psycopg.types.json import Jsonb

from acci.domain.errors import DefinitionError
from acci.domain.events import by_stored_name
from acci.store.auditing.checks import Check, DoesNotFit, LeftOut, Looking
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.scope import make_audited_events
from acci.store.postgres.errors import first_line
from acci.store.postgres.statements import SQL, sql
from acci.store.projecting.poison_events import watching_out
from acci.store.projecting.ranges import Span
from acci.store.registry import Catalogue

# checkpoint, generation, projection: of the read model. skipped: positions that it leaves out for good. terminal: by
# aggregate type, the events after which nothing may come. one_in, turn: the sample. tenant_id: the tenant, or NULL.
PARAMETERS = ("checkpoint", "generation", "projection", "skipped", "terminal", "one_in", "turn", "tenant_id")
EACH = "each"


@dataclass(frozen=True)
class Audit:
    """One file: its header, and the query without a closing semicolon."""

    name: str
    severity: Severity
    description: str
    place: tuple[str, ...]
    projection: str | None
    text: str


def sql_checks(catalogue: Catalogue) -> list[Check]:
    """The checks of ACCI's own folder and of every registered context's. Raises `DefinitionError`."""
    folders = dict.fromkeys([SQL / "audits", *(context.sql / "audits" for context in catalogue.contexts)])
    audits = [_parsed(file) for folder in folders for file in sorted(folder.glob("*.sql"))]
    return [_check(audit) for audit in audits if audit.projection in (None, EACH, *catalogue.projections)]


def _check(audit: Audit) -> Check:
    return Check(
        audit.name,
        audit.severity,
        audit.description,
        lambda looking: _look(audit, looking),
        audit.place,
        of_read_model=audit.projection is not None,
        only=None if audit.projection == EACH else audit.projection,
        narrows="audited_events" in audit.text,
        samples="audited_events" in audit.text or "%(one_in)s" in audit.text,
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
        if colon and name.strip() in ("severity", "place", "projection"):
            header[name.strip()] = value.strip()
        else:
            description.append(line.removeprefix("--").strip())
    if not description or "place" not in header:
        reason = "begin it with a comment that says what it finds, and `-- place:` with the columns that say where."
        raise DefinitionError(f"The audit {file.name}", reason)
    if header.get("severity", "error") not in list(Severity):
        raise DefinitionError(f"The audit {file.name}", f"its severity is one of {', '.join(Severity)}.")
    return Audit(
        file.stem,
        Severity(header.get("severity", "error")),
        " ".join(description),
        tuple(part.strip() for part in header["place"].split(",")),
        header.get("projection"),
        text.rstrip().rstrip(";"),
    )


def _look(audit: Audit, looking: Looking) -> Iterator[Found]:
    connection, extent = looking.connection, looking.extent
    confined = "audited_events" in audit.text
    if extent.keys and not confined:
        raise DoesNotFit(f"{audit.name} cannot be confined to keys.")
    if extent.tenant_id is not None and not confined and "tenant_id" not in audit.place:
        raise DoesNotFit(f"{audit.name} cannot be confined to a tenant.")
    make_audited_events(connection, extent)
    text = f"SELECT * FROM (\n{audit.text}\n) AS audit"  # noqa: S608 the file is part of the program
    if extent.tenant_id is not None and "tenant_id" in audit.place:
        text += " WHERE tenant_id = %(tenant_id)s"
    parameters = _parameters(audit, looking)
    try:
        cursor = connection.execute(text.encode(), parameters)
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


def _parameters(audit: Audit, looking: Looking) -> dict[str, Any]:
    terminal = {
        name: list(by_stored_name(aggregate.terminal)) for name, aggregate in looking.catalogue.aggregates.items()
    }
    parameters: dict[str, Any] = dict.fromkeys(PARAMETERS)
    extent = looking.extent
    parameters |= {"tenant_id": extent.tenant_id, "one_in": extent.one_in, "turn": extent.turn}
    parameters["terminal"] = Jsonb(terminal)
    if audit.projection is not None:
        _, generation = looking.of_read_model()
        span = watching_out(looking.connection, generation, Span(0, generation.checkpoint))
        parked = looking.connection.execute(
            sql("projecting/parked_keys:of_generation"), {"generation": generation.generation}
        ).fetchone()
        if parked:
            raise LeftOut(f"Keys of {generation.projection} are parked, so {audit.name} cannot come out even.")
        looking.connection.execute(sql("generations/schemas:enter"), {"schema": generation.schema})
        parameters |= {
            "checkpoint": generation.checkpoint,
            "generation": generation.generation,
            "projection": generation.projection,
            "skipped": list(span.skipped),
        }
    return parameters


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
