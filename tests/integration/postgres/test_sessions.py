"""A session's settings hold under all settings of the database or login."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

from acci.domain.errors import AcciError
from acci.store.commands.handler import CommandHandler
from acci.store.database_url import direct_url
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import NotAdmitted, PoolExhausted, ReadOnlyServer, TookTooLong
from acci.store.postgres.refusals import refusal_of
from acci.store.postgres.session import RELIED_ON, Role, duration
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.settings import Limits, Settings, WrongSetting
from tests.domains.ledger import Open, command
from tests.support.histories import append_orders, value
from tests.support.read_models import CONTEXTS, wrong_rows

OTHERWISE = {
    "client_encoding": "LATIN1",
    "TimeZone": "Asia/Kolkata",
    "timezone_abbreviations": "India",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmlbinary": "hex",
    "xmloption": "document",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "session_replication_role": "replica",
    "default_transaction_isolation": "serializable",
    "search_path": "pg_catalog",
    "role": "acci_read",
}
ROLES: tuple[Role | None, ...] = ("append", "project", "read", "administer", None)


@pytest.fixture
def contrary(database_url: str, connection: Connection) -> Iterator[str]:
    """A database that has every setting otherwise."""
    name = sql.Identifier(connection.info.dbname)
    for setting, wanted in OTHERWISE.items():
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(wanted))
        )
    yield database_url
    connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))


def test_every_setting_that_is_relied_on_is_tried() -> None:
    assert set(OTHERWISE) == {*RELIED_ON, "role"}


@pytest.mark.parametrize("role", ROLES)
def test_no_setting_of_the_database_reaches_a_session(contrary: str, role: Role | None) -> None:
    with (
        connect(contrary, "test", role) as own,
        Database(contrary, 1, role) as database,
        database.connection() as lent,
    ):
        for opened in (own, lent):
            for setting, wanted in RELIED_ON.items():
                assert value(opened, "SELECT current_setting(%s)", (setting,)) == wanted
            user = value(opened, "SELECT current_user")
            assert user == (f"acci_{role}" if role else opened.info.user)


def test_hostile_settings_change_neither_appends_nor_read_models(contrary: str) -> None:
    catalogue = load(CONTEXTS)
    sales = catalogue.projection("daily_sales")
    with connect(contrary, "test") as connection, connect(contrary, "test", "project") as projecting:
        append_orders(connection, 20)
        build.rebuild(projecting, catalogue, sales)
        append_orders(connection, 20, "more-")
        catch_up(projecting, catalogue, sales)
        assert wrong_rows(connection, sales) == 0
        assert value(projecting, "SELECT current_user") == "acci_project"
        assert value(projecting, "SHOW search_path") == RELIED_ON["search_path"]


def test_a_database_that_is_read_only_says_so(database_url: str, connection: Connection) -> None:
    """Somebody set it on purpose, so it is not overruled; the error is transient."""
    name = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    ledger = load(["tests.domains.ledger"])
    with Database(database_url, 1, "append") as database:
        handler = CommandHandler(EventStore(database, ledger), ledger)
        with pytest.raises(ReadOnlyServer) as refused:
            handler.handle(command(Open(account="a", holder="Ann")))
    assert refused.value.transient


def test_a_busy_pool_is_no_lost_server(database_url: str) -> None:
    limits = Limits(pool_size=1, pool_wait=3)
    with Database(database_url, role="read", limits=limits) as database, database.connection():
        with pytest.raises(PoolExhausted, match="All 1 connections") as refused, database.connection():
            pass
        assert refused.value.transient


def test_an_applications_statements_end_in_time(database_url: str) -> None:
    limits = Limits(statement_timeout=0.2, lock_timeout=90)
    with Database(database_url, role="read", limits=limits) as database, database.connection() as lent:
        assert value(lent, "SHOW lock_timeout") == "90s"
        with pytest.raises(psycopg.errors.QueryCanceled) as ended:
            lent.execute("SELECT pg_sleep(30)")
        assert isinstance(refusal_of(ended.value), TookTooLong)


def test_limits_come_from_the_environment() -> None:
    given = {"ACCI_POOL_SIZE": "3", "ACCI_POOL_WAIT": "0.5", "ACCI_STATEMENT_TIMEOUT": "2", "ACCI_LOCK_TIMEOUT": ""}
    assert Settings.from_environment(given).limits == Limits(3, 0.5, 2.0, None)
    assert Settings.from_environment({}).limits == Limits()


def test_a_pool_has_the_limits_that_it_is_handed_and_no_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCI_STATEMENT_TIMEOUT", "7")
    limits = Settings.from_environment().limits
    shown = []
    for pool in (Database(database_url, role="read"), Database(database_url, role="read", limits=limits)):
        with pool as database, database.connection() as lent:
            shown.append(value(lent, "SHOW statement_timeout"))
    assert shown == ["0", "7s"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ACCI_POOL_SIZE", "0"),
        ("ACCI_POOL_SIZE", "1.5"),
        ("ACCI_POOL_SIZE", "many"),
        ("ACCI_POOL_WAIT", "-1"),
        ("ACCI_POOL_WAIT", "nan"),
        ("ACCI_STATEMENT_TIMEOUT", "inf"),
        ("ACCI_LOCK_TIMEOUT", "5s"),
    ],
)
def test_invalid_limits_are_refused(name: str, text: str) -> None:
    with pytest.raises(WrongSetting, match=f"{name} is '{text}'"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize("seconds", [0, 0.2, 1, 90, 120, 3600, 5400, 86_400, 90_061.5])
def test_a_time_limit_is_written_as_postgresql_shows_it(connection: Connection, seconds: float) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (duration(seconds),))
    assert value(connection, "SHOW lock_timeout") == duration(seconds)


def test_a_wrong_password_is_not_tried_again(database_url: str, connection: Connection) -> None:
    name = f"login_{connection.info.dbname.rpartition('_')[2]}"
    info = connection.info
    with pytest.raises(AcciError) as refused:
        connect(f"postgresql://{name}:wrong@{info.host}:{info.port}/{info.dbname}", "test")
    assert isinstance(refused.value, NotAdmitted)
    assert not refused.value.transient


def test_the_direct_address_is_of_the_named_database_only() -> None:
    both = {"ACCI_DATABASE_URL": "postgresql://pool/a", "ACCI_DIRECT_URL": "postgresql://server/a"}
    assert direct_url(Settings.from_environment(both)) == "postgresql://server/a"
    del both["ACCI_DIRECT_URL"]
    assert direct_url(Settings.from_environment(both)) == "postgresql://pool/a"
    alone = Settings.from_environment({"ACCI_DIRECT_URL": "postgresql://server/a", "ACCI_HOME": "/nowhere"})
    with suppress(AcciError):
        assert direct_url(alone) != "postgresql://server/a", "the embedded server is meant"
