"""What a session must have before it is used: its role, and every setting that could change a result.

Set by statements, since poolers refuse or drop the options of the startup packet, and verified afterwards: a session
without them is refused. A pooler in transaction mode gives one session to several clients and keeps nothing that a
client sets; behind it the login must have all of this itself.
"""

import select
import threading
import time
import uuid
from contextlib import closing
from typing import Any, Literal, get_args

import psycopg
from psycopg import errors

from acci.domain.errors import AcciError
from acci.store.postgres.errors import NotAllowed, SchemaMissing
from acci.store.postgres.refusals import first_line
from acci.store.postgres.statements import sql

# The rights that a session takes, made by sql/migrations/0001_baseline.sql; without one it has those of its login.
Role = Literal["append", "project", "read", "administer"]
Session = psycopg.Connection[tuple[Any, ...]]

# With other values of a database or login, timestamps, numbers, texts or search results would differ. UTC,
# since in other zones an hour is repeated; the others as in PostgreSQL's defaults.
RELIED_ON = {
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "xmloption": "content",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "session_replication_role": "origin",
    "default_transaction_isolation": "read committed",
    "search_path": '"$user", public',
}
PATIENCE = 5.0  # seconds for a notification to arrive through a pooler

_known_to_keep: set[str] = set()
_looking = threading.Lock()


class SharedSession(AcciError):
    """A pooler in transaction mode is in between, where a session of one's own is needed."""

    where: str

    sentence = (
        "Between here and the database at {where} is a pooler that gives a session to several clients "
        "(transaction mode): it keeps no lock, table or setting, which flows and long work hold. Set "
        "ACCI_DIRECT_URL to PostgreSQL itself, or to a pool in session mode."
    )


class WrongSession(AcciError):
    """What a session sets does not hold, and the login does not bring it: `wrong` has name, value, what is needed."""

    where: str
    login: str
    wrong: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        listed = ", ".join(f"{name} is {value!r} instead of {wanted!r}" for name, value, wanted in self.wrong)
        login = '"' + self.login.replace('"', '""') + '"'
        remedy = " ".join(
            f"ALTER ROLE {login} SET {name} = {_literal(name, wanted)};" for name, _, wanted in self.wrong
        )
        return (
            f"A pooler before the database at {self.where} does not keep what a session sets: {listed}. Let the login "
            f"bring it, and the pooler connect again: {remedy} Or use PostgreSQL itself, or a pool in session mode; a "
            "login brings one role, so that each role needs its own."
        )


def begin(connection: Session, where: str, role: Role | None, wanted: dict[str, str], shared: bool) -> bool:
    """Set everything that ACCI relies on, and `wanted`, and verify it. Whether the session is this client's own.

    If it is not, and `shared` allows that, the login must have all of it. Raises `SharedSession`, `WrongSession`,
    `NotAllowed` if the login may not take the role, `SchemaMissing` if there is none.
    """
    relied_on = {**RELIED_ON, **wanted, "role": "none" if role is None else f"acci_{role}"}
    direct, login, wrong = _look(connection, relied_on)
    if not direct and shared:
        with connection.transaction(force_rollback=True):  # settings of other clients are not the login's
            connection.execute("RESET ALL", prepare=False)
            connection.execute("RESET ROLE", prepare=False)
            unbrought = _look(connection, relied_on)[2]
        if not unbrought:
            return False
        if not _keeps_session(connection):
            raise WrongSession(where, login, unbrought)
    elif not direct and not _keeps_session(connection):
        raise SharedSession(where)
    if wrong:
        _set(connection, {name: value for name, _, value in wrong} | {"role": relied_on["role"]})
        wrong = _look(connection, relied_on)[2]
    if wrong:
        raise WrongSession(where, login, wrong)
    return True


def is_direct(connection: Session) -> bool:
    """Whether there is no pooler in between."""
    return _look(connection, {"role": "none"})[0]


def brought_role(error: WrongSession) -> Role | None:
    """The role of ACCI's that the login brings to a session that keeps nothing; None if it brings none."""
    brought = {f"acci_{role}": role for role in get_args(Role)}
    return next((brought[value] for name, value, _ in error.wrong if name == "role" and value in brought), None)


def options_of(role: Role) -> str:
    """The same settings for a program that takes only options of the startup packet."""
    relied_on = {**RELIED_ON, "role": f"acci_{role}"}
    return " ".join("-c {}={}".format(name, value.replace(" ", "\\ ")) for name, value in relied_on.items())


def take(connection: Session, role: Role) -> None:
    """Until the transaction ends, the session has the rights of `role`; also behind a pooler in transaction mode.

    Raises `NotAllowed` if the login may not take it, `SchemaMissing` if there is none; within a pipeline, the driver's
    error for it at its end.
    """
    try:
        connection.execute(sql("postgres/take_role"), {"role": f"acci_{role}"})
    except errors.InvalidParameterValue as error:
        raise SchemaMissing(first_line(error)) from error
    except errors.InsufficientPrivilege as error:
        raise NotAllowed(first_line(error)) from error


def duration(seconds: float) -> str:
    """A duration as PostgreSQL shows it in settings."""
    left = round(seconds * 1000)
    for unit, milliseconds in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if left and left % milliseconds == 0:
            return f"{left // milliseconds}{unit}"
    return f"{left}ms" if left else "0"


def _look(connection: Session, relied_on: dict[str, str]) -> tuple[bool, str, tuple[tuple[str, str, str], ...]]:
    """Whether there is no pooler in between, the login, and which settings differ from what ACCI relies on.

    A pooler makes up the process number that it gives to its clients.
    """
    names = [name for name in relied_on if name != "role"]
    row = connection.execute(
        "SELECT pg_backend_pid(), session_user::text, current_user::text,"
        " ARRAY(SELECT current_setting(name) FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, n) ORDER BY n)",
        (names,),
        prepare=False,
    ).fetchone()
    pid, login, user, values = row or (0, "", "", [])
    found = dict(zip(names, values, strict=True)) | {"role": "none" if user == login else user}
    wrong = [(name, found[name], value) for name, value in relied_on.items() if found[name] != value]
    return pid == connection.info.backend_pid, login, tuple(wrong)


def _set(connection: Session, settings: dict[str, str]) -> None:
    """Set in order, the role last: until then with the login's own rights, since a role may be allowed less."""
    role = settings.pop("role")
    names, values = ["role", *settings, "role"], ["none", *settings.values(), role]
    try:
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS t (name, value)",
            (names, values),
            prepare=False,
        )
    except errors.InvalidParameterValue as error:
        raise SchemaMissing(first_line(error)) from error
    except errors.InsufficientPrivilege as error:
        raise NotAllowed(first_line(error)) from error


def _keeps_session(connection: Session) -> bool:
    """Whether a pooler in between gives this client a session of its own: tested once for each address.

    A client without a session of its own gets no notification while it sends nothing.
    """
    address = connection.info.dsn
    with _looking:
        if address not in _known_to_keep and _is_delivered(connection):
            _known_to_keep.add(address)
        return address in _known_to_keep


def _is_delivered(connection: Session) -> bool:
    channel, info = f"acci_{uuid.uuid4().hex}", connection.info
    try:
        connection.execute(f"LISTEN {channel}".encode(), prepare=False)
    except errors.ReadOnlySqlTransaction:
        return False  # a standby delivers no notifications
    how: dict[str, Any] = {"password": info.password, "autocommit": True, "connect_timeout": 10}
    with closing(psycopg.connect(info.dsn, **how)) as other:
        # A pooler without a second session would make an ordinary statement wait.
        other.pgconn.send_query(f"NOTIFY {channel}".encode())
        mine, theirs, end = connection.pgconn, other.pgconn, time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            select.select([mine.socket, theirs.socket], [], [], left)
            mine.consume_input()
            theirs.consume_input()
            if mine.notifies():
                connection.execute(f"UNLISTEN {channel}".encode(), prepare=False)
                return True
            if theirs.notifies():
                return False  # the other client got the session that listens
    return False


def _literal(name: str, value: str) -> str:
    """A value as ALTER ROLE takes it; each item of a list by itself."""
    return value if name == "search_path" else "'" + value.replace("'", "''") + "'"
