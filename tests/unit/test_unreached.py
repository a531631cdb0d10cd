"""Connections that cannot be made: which error says so, and whether the same again may help."""

import psycopg
import pytest

from acci.store.postgres.errors import DatabaseUnreachable, NoSession, NotAdmitted, NotAllowed, NotSecured
from acci.store.postgres.refusals import unreached

AT = 'connection to server at "10.0.0.{}", port 5432 failed: '
REFUSED = "Connection refused\n\tIs the server running on that host?"
STANDBY = "session is read-only"
STARTING = "FATAL:  the database system is starting up"
PASSWORD = 'FATAL:  password authentication failed for user "ann"'
OTHER_NAME = 'server certificate for "db1" does not match host name "db2"'
NO_RIGHT = 'FATAL:  permission denied for database "d"\nDETAIL:  User does not have CONNECT privilege.'


def one(said: str) -> psycopg.OperationalError:
    return psycopg.OperationalError("connection failed: " + AT.format(1) + said)


def several(*said: str) -> psycopg.OperationalError:
    """As the driver says it: the last one first, then all."""
    attempts = [AT.format(number) + each for number, each in enumerate(said, 1)]
    listed = "".join(f"\n- host: 'db', port: '', hostaddr: '10.0.0.1': connection failed: {each}" for each in attempts)
    return psycopg.OperationalError(
        f"connection failed: {attempts[-1]}\nMultiple connection attempts failed. All failures were:{listed}"
    )


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (REFUSED, DatabaseUnreachable),
        (STANDBY, DatabaseUnreachable),
        ("SSL SYSCALL error: EOF detected", DatabaseUnreachable),
        (STARTING, NoSession),
        (PASSWORD, NotAdmitted),
        (NO_RIGHT, NotAllowed),
        (OTHER_NAME, NotSecured),
        ("SSL error: certificate verify failed", NotSecured),
        ("server does not support SSL, but SSL was required", NotSecured),
        ('private key file "k" has group or world access', NotSecured),
    ],
)
def test_the_message_says_which_it_is(said: str, kind: type[Exception]) -> None:
    assert type(unreached("db:1/d", one(said))) is kind


def test_every_host_of_an_address_is_named() -> None:
    error = unreached("db1:1,db2:1/d", several(REFUSED, STANDBY))
    assert isinstance(error, DatabaseUnreachable)
    assert "10.0.0.1" in str(error)
    assert "10.0.0.2" in str(error)


@pytest.mark.parametrize("said", [(REFUSED, PASSWORD), (PASSWORD, STARTING), (OTHER_NAME, REFUSED)])
def test_one_host_that_may_come_back_lets_the_same_be_tried_again(said: tuple[str, str]) -> None:
    assert unreached("db1:1,db2:1/d", several(*said)).transient


def test_where_every_host_refuses_for_good_nothing_is_tried_again() -> None:
    error = unreached("db1:1,db2:1/d", several(PASSWORD, PASSWORD))
    assert isinstance(error, NotAdmitted)
    assert str(unreached("db1:1,db2:1/d", several(NO_RIGHT, NO_RIGHT))).startswith("The database's user may not")
