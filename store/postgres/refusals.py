"""Which of ACCI's errors one of PostgreSQL's is, classified by SQLSTATE, not by message.

Messages are in the server's language. Only a server that refuses to begin a session gives no SQLSTATE.
"""

import re

import psycopg
from psycopg import errors

from acci.domain.errors import AcciError, said
from acci.store.postgres.errors import (
    BeyondLimits,
    Cancelled,
    Contended,
    Damaged,
    DatabaseLost,
    DatabaseUnreachable,
    IdleTooLong,
    Locked,
    NoMemory,
    NoRoom,
    NoSession,
    NotAdmitted,
    NotAllowed,
    NotSecured,
    ReadOnlyServer,
    SchemaMissing,
    SequenceBehind,
    TookTooLong,
)

UNDEFINED = (errors.InvalidSchemaName, errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn)
OF_TLS = re.compile(r"certificate|private key|SSL error|SSL was required|SSL negotiation")
ATTEMPT = re.compile(
    r"^- host: .*?: (?:connection failed: )?((?:connection to|failed to).*)$", re.MULTILINE
)  # psycopg's
SEQUENCE_BEHIND = "AC005"  # raised by the functions of sql/migrations/0001_baseline.sql

# By SQLSTATE, or by its class of two characters.
REFUSALS: dict[str, type[AcciError]] = {
    SEQUENCE_BEHIND: SequenceBehind,
    "08": DatabaseLost,
    "28": NotAllowed,
    "25006": ReadOnlyServer,
    "25P03": IdleTooLong,
    "40": Contended,  # serialization, deadlock, conflict with recovery
    "42501": NotAllowed,
    "53100": NoRoom,
    "53200": NoMemory,
    "53300": DatabaseLost,
    "53400": BeyondLimits,
    "54": BeyondLimits,
    "55P03": Locked,
    "57P": DatabaseLost,  # shut down, crashed, starting, idle
    "58": Damaged,
    "XX001": Damaged,
    "XX002": Damaged,
}


def refusal_of(error: BaseException) -> AcciError | None:
    """ACCI's error for one that PostgreSQL raised for a reason outside the program; None for a fault of the program."""
    if isinstance(error, UNDEFINED):
        missing = first_line(error)
        return SchemaMissing(missing) if "acci" in missing else None
    kind = _kind(error)
    # A lock timeout comes with a note of who holds the lock.
    return None if kind is None else kind("; ".join((first_line(error), *getattr(error, "__notes__", ()))))


class TranslatedErrors:
    """What PostgreSQL refuses inside for a reason outside the program is raised as an `AcciError`."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, psycopg.Error) and (refusal := refusal_of(error)) is not None:
            raise refusal from error


def is_transient(error: BaseException) -> bool:
    """Whether the same again may succeed: a lost connection, a deadlock, a server that is a standby for the moment."""
    if isinstance(error, AcciError):
        return error.transient
    kind = _kind(error)
    return kind is not None and kind.transient


def _kind(error: BaseException) -> type[AcciError] | None:
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state == "57014":  # one SQLSTATE for two causes; in another language the more common one is assumed
        return Cancelled if "user request" in first_line(error) else TookTooLong
    if state is None:
        return DatabaseLost if isinstance(error, psycopg.OperationalError) else None
    return REFUSALS.get(state) or REFUSALS.get(state[:3]) or REFUSALS.get(state[:2])


def unreached(where: str, error: psycopg.OperationalError) -> AcciError:
    """The error for a connection that could not be made. There is no SQLSTATE: only the message says who refused it.

    Of an address with several hosts every refusal is named, and one that will pass lets the same be tried again.
    """
    refusal = _refused(where, first_line(error), str(error))
    attempts = list(dict.fromkeys(ATTEMPT.findall(str(error)))) if "," in where else []
    passing = next((each for each in (_refused(where, said, said) for said in attempts) if each.transient), None)
    return refusal if passing is None else type(passing)(where, "; ".join(attempts))


def _refused(where: str, said: str, whole: str) -> AcciError:
    if "FATAL" not in said:
        return (NotSecured if OF_TLS.search(said) else DatabaseUnreachable)(where, said)
    reason = said.rpartition("FATAL:")[2].strip()
    if re.search(r"\bCONNECT\b", whole):  # the missing right, which the message names in every language
        return NotAllowed(f"{reason}; let its owner run GRANT CONNECT ON DATABASE … TO this user")
    lasting = any(words in said for words in ("authentication failed", "does not exist", "pg_hba.conf", "permi"))
    return (NotAdmitted if lasting else NoSession)(where, reason)


def first_line(error: BaseException) -> str:
    """The first line of its message, without a full stop; its class if there is none."""
    lines = said(error).strip().splitlines()
    return (lines[0].rstrip(".") if lines else "") or type(error).__name__
