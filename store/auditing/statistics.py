"""Audit statistics: the last audit's age and result, and open findings; kept up to date, so cheap to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass(frozen=True)
class LastAudit:
    """The last audit that made every check on everything, or on one key in `one_in`; `age` in seconds.

    `run` is Prefect's id of the run that made it, or empty.
    """

    age: float
    made_at: datetime
    one_in: int
    errors: int
    warnings: int
    infos: int
    run: str


@dataclass(frozen=True)
class Result:
    """The result of an audit. `full_set`: every check on everything (perhaps a sample); else a part was asked for."""

    seconds: float
    full_set: bool
    one_in: int
    checks: int
    left_out: int
    errors: int
    warnings: int
    infos: int
    run: str = ""


def record(connection: Connection, result: Result) -> None:
    """Afterwards the audit is stored as the last one."""
    connection.execute(sql("auditing/audits:record"), vars(result))


def last_audit(connection: Connection) -> LastAudit | None:
    row = connection.execute(sql("auditing/audits:last_full")).fetchone()
    return None if row is None else LastAudit(*row)


def last_run(connection: Connection) -> str | None:
    """Prefect's id of the last run that made an audit, of everything or of a part."""
    row = connection.execute(sql("auditing/audits:last_run")).fetchone()
    return None if row is None else str(row[0])


def open_findings(connection: Connection) -> dict[tuple[str, str], int]:
    """How many findings are open, by severity and projection ("" for the log)."""
    rows: Sequence[tuple[str, str, int]] = connection.execute(sql("auditing/findings:count")).fetchall()
    return {(severity, projection): many for severity, projection, many in rows}
