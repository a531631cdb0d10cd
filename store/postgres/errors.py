"""What PostgreSQL refuses for a reason outside the program, as errors of ACCI. Which is which: `refusals`.

Longer than most modules: a list of sentences, with nothing else in it.
"""

from typing import ClassVar

from acci.domain.errors import AcciError


class DatabaseUnreachable(AcciError):
    """No connection to the database; `where` names it without its password."""

    transient: ClassVar[bool] = True

    where: str
    reason: str

    sentence = (
        "The database at {where} cannot be reached: {reason}. Start it with `acci up`, or correct ACCI_DATABASE_URL."
    )


class NoSession(AcciError):
    """The server answers and begins no session now: it is full, starting or stopping."""

    transient: ClassVar[bool] = True

    where: str
    reason: str

    sentence = (
        "The database at {where} begins no session: {reason}. Try again when it is ready or has room; "
        "if it is full, give pools fewer connections (ACCI_POOL_SIZE) or the server more (max_connections)."
    )


class NotAdmitted(AcciError):
    """The server answers and does not let this login in."""

    where: str
    reason: str

    sentence = "The database at {where} refuses the login: {reason}. Correct ACCI_DATABASE_URL."


class NotSecured(AcciError):
    """No connection with TLS as the address asks for it: of another host, of an unknown authority, or none at all."""

    where: str
    reason: str

    sentence = (
        "The database at {where} is not connected to as sslmode in the address asks: {reason}. Let the address name "
        "the host as the server's certificate does, and sslrootcert the file of the authority that issued it; or turn "
        "TLS on in the server (ssl = on)."
    )


class PoolExhausted(AcciError):
    """Every connection of this process' pool stayed in use while somebody waited for one."""

    transient: ClassVar[bool] = True

    where: str
    size: int
    seconds: float

    sentence = (
        "All {size} connections to the database at {where} were in use for {seconds:g} s. The "
        "server answers: give connections back sooner, or raise ACCI_POOL_SIZE or ACCI_POOL_WAIT."
    )


class DatabaseLost(AcciError):
    """The connection ended while it was used."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = (
        "The connection to the database was lost: {reason}. What was committed stays; run the same again "
        "when the database is back."
    )


class IdleTooLong(AcciError):
    """PostgreSQL ended the session, since its transaction waited for the program for too long."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = (
        "PostgreSQL ended a session whose transaction did nothing: {reason}. What was committed stays; run "
        "the same again, with a longer idle_in_transaction_session_timeout if it needs its time."
    )


class TookTooLong(AcciError):
    """A statement reached statement_timeout. The same again would reach it too."""

    reason: str

    sentence = (
        "A statement took longer than statement_timeout allows: {reason}. What was committed stays; raise "
        "that limit for this login (ACCI_STATEMENT_TIMEOUT is an application's), or ask for less at once."
    )


class Cancelled(AcciError):
    """Somebody had a statement ended, by pg_cancel_backend or its like."""

    reason: str

    sentence = "Somebody cancelled a statement: {reason}. What was committed stays; run the same again if it may."


class Locked(AcciError):
    """What was needed stayed locked by another session for longer than lock_timeout allows."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = (
        "Another session holds what this needs: {reason}. What was committed stays; try again when that "
        "session has ended, or end it (pg_locks names it)."
    )


class Contended(AcciError):
    """PostgreSQL ended one of several transactions that could not all go on."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = "Other transactions were in the way: {reason}. What was committed stays; run the same again."


class ReadOnlyServer(AcciError):
    """The server takes no writes now: it is a standby, or default_transaction_read_only is on."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = (
        "The server takes no writes: {reason}. If it is a standby, write to the primary (a URL with both "
        "hosts and target_session_attrs=read-write finds it after a failover, too); else see "
        "default_transaction_read_only."
    )


class NoMemory(AcciError):
    """The server has no memory for it now."""

    transient: ClassVar[bool] = True

    reason: str

    sentence = (
        "The server has no memory left for this: {reason}. What was committed stays; try again when it "
        "has less to do, or give it more."
    )


class NoRoom(AcciError):
    """The disk of the database is full; `reason` is what PostgreSQL could not write."""

    reason: str

    sentence = "The database's disk is full: {reason}. What was committed stays; make room and run the same again."


class BeyondLimits(AcciError):
    """It is more than PostgreSQL, or a limit set for it, takes: the same again would be too."""

    reason: str

    sentence = "This is more than the database takes: {reason}. Ask for less at once, or raise that limit."


class Damaged(AcciError):
    """PostgreSQL cannot read its own files."""

    reason: str

    sentence = (
        "The database's files cannot be read: {reason}. Stop writing to it, look at the server's log and "
        "disks, and restore a backup if it is damaged."
    )


class SchemaMissing(AcciError):
    """The database lacks something that the migrations make; `reason` is what PostgreSQL missed."""

    reason: str

    sentence = "The database has no ACCI schema, or that of an older ACCI ({reason}). Run `acci migrate`."


class NotAllowed(AcciError):
    """The database's user lacks a right."""

    reason: str

    sentence = (
        "The database's user may not do this: {reason}. Use another user, or grant the "
        "right; if ACCI was updated, run `acci migrate` first."
    )


class SequenceBehind(AcciError):
    """The sequence that gives positions is behind the log, as logical replication and partial restores leave it."""

    reason: str

    sentence = (
        "Nothing can be appended: {reason}. Read models would never see such events. Run `acci migrate`, "
        "which sets the sequence on, and rebuild each read model that `acci status` calls beyond the log."
    )
