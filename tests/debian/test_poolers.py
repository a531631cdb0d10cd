"""Behind PgBouncer: what a session asks for holds, or is refused with a sentence."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as identifiers

from acci import Application, acting_as
from acci.domain.errors import AcciError
from acci.domain.users.queries import GetUser
from acci.domain.users.user import CreateUser, User
from acci.flows.runtime.session import session
from acci.store.commands.handler import CommandHandler
from acci.store.embedded.programs import programs
from acci.store.log.event_store import EventStore
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict
from acci.store.monitoring.doctor.examination import examine_database
from acci.store.postgres import tenants
from acci.store.postgres.advisory_locks import try_lock
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import NotAllowed
from acci.store.postgres.session import RELIED_ON, Role, SharedSession, WrongSession
from acci.store.projecting.batches import catch_up
from acci.store.reading.queries import ask, question
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.settings import Settings
from tests.domains.ledger import command
from tests.support.histories import value
from tests.support.pairs import Pair
from tests.support.poolers import Pooler
from tests.support.shell import acci, refusal

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")
CREATE = '{"user_id": "ann", "email": "ann@example.com", "name": "Ann"}'


def create(name: str) -> CreateUser:
    return CreateUser(user_id=name, email=f"{name}@example.org", name=name)


@contextmanager
def login(connection: Connection, role: Role, **settings: str) -> Iterator[str]:
    """A login that brings `role` and what ACCI relies on, but for `settings`."""
    name = f"login_{uuid.uuid4().hex[:12]}"
    user, taken = identifiers.Identifier(name), identifiers.Identifier(f"acci_{role}")
    connection.execute(identifiers.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(user))
    connection.execute(identifiers.SQL("GRANT {} TO {}").format(taken, user))
    database = identifiers.Identifier(connection.info.dbname)
    connection.execute(identifiers.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, user))
    bring(connection, name, **{"role": f"acci_{role}", "TimeZone": "UTC"} | settings)
    try:
        yield name
    finally:
        connection.execute(identifiers.SQL("DROP OWNED BY {}").format(user))
        connection.execute(identifiers.SQL("DROP ROLE {}").format(user))


def bring(connection: Connection, login_name: str, **settings: str) -> None:
    for name, wanted in settings.items():
        connection.execute(
            identifiers.SQL("ALTER ROLE {} SET {} = {}").format(
                identifiers.Identifier(login_name), identifiers.Identifier(name), identifiers.Literal(wanted)
            )
        )


@pytest.fixture
def users(database_url: str, connection: Connection) -> Connection:
    """Users of two tenants; their read model is live."""
    with Database(database_url, role="append") as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for tenant in ("acme", "hooli"):
            handler.handle(command(create("ann"), tenant_id=tenant))
    build.rebuild(connection, CATALOGUE, USERS)
    return connection


@pytest.mark.parametrize("settings", [(), ("ignore_startup_parameters = options, extra_float_digits",)])
@pytest.mark.usefixtures("users")
def test_in_session_mode_everything_works(database_url: str, tmp_path: Path, settings: tuple[str, ...]) -> None:
    with Pooler(tmp_path / "bouncer", database_url, "session", *settings) as pooler:
        with connect(pooler.url(), "test", "read") as reader:
            tenants.enter(reader, "nobody")
            assert value(reader, "SELECT current_user") == "acci_read"
            assert value(reader, "SELECT count(*) FROM read.user_view") == 0
            assert value(reader, "SELECT count(*) FROM acci.events") == 0
        writes_and_reads(pooler.url(), pooler.url())
        with connect(pooler.url(), "test", "project") as connection:
            assert try_lock(connection, "test")
            catch_up(connection, CATALOGUE, USERS)
            build.rebuild(connection, CATALOGUE, USERS)


def writes_and_reads(append_url: str, read_url: str) -> None:
    """Commands at once, queries, and what the shell has for both."""
    with Database(append_url, 4, "append") as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)

        def send(number: int) -> int:
            return handler.handle(command(create(f"u{number}"), tenant_id=f"t{number % 3}"))[0].position

        with ThreadPoolExecutor(8) as threads:
            positions = list(threads.map(send, range(60)))
        assert len(set(positions)) == 60
        sent = [command(create("x1"), tenant_id="both"), command(create("x2"), tenant_id="both")]
        assert len(handler.handle_together(sent)) == 2
    with Database(read_url, 2, "read") as database, database.connection() as reader:
        asked = question(CATALOGUE, "get_user", {"id": "ann", "tenant_id": "acme"})
        assert ask(reader, CATALOGUE, asked) is not None
        assert ask(reader, CATALOGUE, question(CATALOGUE, "get_user", {"id": "ann", "tenant_id": "nobody"})) is None


def in_the_shell(append_url: str, read_url: str) -> None:
    done = acci("send", "CreateUser", "--tenant", "shell", "--user", "me", CREATE, ACCI_DATABASE_URL=append_url)
    assert done.returncode == 0, done.stderr
    for words in (
        ["query", "get_user", "--tenant", "acme", '{"id": "ann"}'],
        ["history", "ann", "--tenant", "acme"],
        ["as-of", "user_view", "--tenant", "acme"],
    ):
        done = acci(*words, ACCI_DATABASE_URL=read_url)
        assert done.returncode == 0, (words, done.stderr)
        assert "ann" in done.stdout


def test_in_transaction_mode_the_login_brings_the_role(database_url: str, tmp_path: Path, users: Connection) -> None:
    with login(users, "append") as writer, login(users, "read") as reader, login(users, "administer") as operator:
        names = dict.fromkeys((writer, reader, operator), "p")
        with Pooler(tmp_path / "bouncer", database_url, "transaction", logins=names) as pooler:
            writes_and_reads(pooler.url(writer), pooler.url(reader))
            in_the_shell(pooler.url(writer), pooler.url(reader))
            for words in (["status"], ["metrics"]):
                done = acci(*words, ACCI_DATABASE_URL=pooler.url(operator))
                assert done.stderr == "", (words, done.stderr)


@pytest.mark.usefixtures("users")
def test_a_role_that_a_pooler_does_not_keep_is_refused(database_url: str, tmp_path: Path) -> None:
    ignoring = "ignore_startup_parameters = options, extra_float_digits"
    with Pooler(tmp_path / "bouncer", database_url, "transaction", ignoring) as pooler:
        with Database(pooler.url(), 2, "read") as database, pytest.raises(WrongSession) as refused:
            database.connection()
        assert "role is 'none' instead of 'acci_read'" in str(refused.value)
        assert "SET role = 'acci_read';" in str(refused.value)
        asked = ("query", "get_user", "--tenant", "acme", '{"id": "ann"}')
        assert "role is 'none' instead of 'acci_read'" in refusal(acci(*asked, ACCI_DATABASE_URL=pooler.url()))


@pytest.mark.usefixtures("users")
def test_statement_mode_is_refused(database_url: str, tmp_path: Path) -> None:
    with (
        Pooler(tmp_path / "bouncer", database_url, "statement") as pooler,
        Database(pooler.url(), 2, "read") as database,
        pytest.raises(AcciError, match="statement pooling"),
    ):
        database.connection()


def test_missing_login_settings_are_named(database_url: str, tmp_path: Path, users: Connection) -> None:
    """Each setting that ACCI relies on; following the named remedy works."""
    others = {
        "TimeZone": "Asia/Kolkata",
        "DateStyle": "German",
        "IntervalStyle": "iso_8601",
        "extra_float_digits": "-3",
        "default_transaction_isolation": "serializable",
        "bytea_output": "escape",
        "search_path": "pg_catalog",
    }
    with login(users, "read", **others) as name:
        with Pooler(tmp_path / "bouncer", database_url, "transaction", logins={name: "p"}) as pooler:
            with pytest.raises(WrongSession) as refused:
                connect(pooler.url(name), "test", "read", shared=True)
            assert {setting for setting, _, _ in refused.value.wrong} == set(others)
            remedy = str(refused.value).partition("connect again: ")[2].partition(" Or use")[0]
            for statement in remedy.split("; "):
                users.execute(statement.rstrip(";").encode())
        with (
            Pooler(tmp_path / "again", database_url, "transaction", logins={name: "p"}) as pooler,
            connect(pooler.url(name), "test", "read", shared=True) as reader,
        ):
            assert not reader.own
            for setting, wanted in RELIED_ON.items():
                assert value(reader, "SELECT current_setting(%s)", (setting,)) == wanted


def test_settings_left_by_other_clients_are_not_mistaken_for_the_logins(
    database_url: str, tmp_path: Path, users: Connection
) -> None:
    """In transaction mode a client's SET ROLE stays in the session that the next client gets."""
    with login(users, "read") as name:
        users.execute(identifiers.SQL("ALTER ROLE {} RESET role").format(identifiers.Identifier(name)))
        with Pooler(tmp_path / "bouncer", database_url, "transaction", logins={name: "p"}) as pooler:
            with psycopg.connect(pooler.url(name), autocommit=True, prepare_threshold=None) as other:
                other.execute("SET ROLE acci_read")
            with pytest.raises(WrongSession, match="role is 'none'"):
                connect(pooler.url(name), "test", "read", shared=True)


def test_long_work_refuses_a_pooler_in_transaction_mode(database_url: str, tmp_path: Path, users: Connection) -> None:
    with (
        login(users, "project") as name,
        Pooler(tmp_path / "bouncer", database_url, "transaction", logins={name: "p"}) as pooler,
    ):
        url = pooler.url(name)
        with pytest.raises(SharedSession, match="Set ACCI_DIRECT_URL"):
            connect(url, "test", "project")
        for words in (["run", "catch-up"], ["erase", "ann", "--tenant", "acme"]):
            assert "Set ACCI_DIRECT_URL" in refusal(acci(*words, ACCI_DATABASE_URL=url))
        with connect(url, "test", "project", shared=True) as shared, pytest.raises(SharedSession):
            tenants.enter(shared, "acme")


def examined(**environment: str) -> dict[str, Diagnosis]:
    return {line.name: line for line in examine_database(Settings.from_environment(environment), CATALOGUE)}


@pytest.mark.usefixtures("users")
def test_the_doctor_says_which_pooler_is_in_between(database_url: str, tmp_path: Path, users: Connection) -> None:
    with Pooler(tmp_path / "session", database_url, "session") as pooler:
        found = examined(ACCI_DATABASE_URL=pooler.url())
        assert "in session mode" in found["pooler"].said
    with (
        login(users, "append") as name,
        Pooler(tmp_path / "transaction", database_url, "transaction", logins={name: "p"}) as pooler,
    ):
        found = examined(ACCI_DATABASE_URL=pooler.url(name))
        assert (found["pooler"].verdict, "Set ACCI_DIRECT_URL" in found["pooler"].said) == (Verdict.WRONG, True)
        assert found["rights"].said.startswith(f"{name} may append.")
        found = examined(ACCI_DATABASE_URL=pooler.url(name), ACCI_DIRECT_URL=database_url)
        assert (found["pooler"].verdict, found["applications"].verdict) == (Verdict.WELL, Verdict.WELL)
        assert "to which the login brings all that ACCI relies on" in found["applications"].said
    with (
        login(users, "append", DateStyle="German") as name,
        Pooler(tmp_path / "lacking", database_url, "transaction", logins={name: "p"}) as pooler,
    ):
        (line,) = examined(ACCI_DATABASE_URL=pooler.url(name)).values()
        assert (line.name, line.verdict) == ("database", Verdict.WRONG)
        assert "SET DateStyle = " in line.said
        assert "SET role" not in line.said


@pytest.mark.usefixtures("users")
def test_flows_take_the_direct_address(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pooler(tmp_path / "bouncer", database_url, "transaction") as pooler:
        monkeypatch.setenv("ACCI_DATABASE_URL", pooler.url())
        with pytest.raises(SharedSession), session("test"):
            pass
        monkeypatch.setenv("ACCI_DIRECT_URL", database_url)
        with session("test") as (connection, catalogue):
            assert try_lock(connection, "test")
            catch_up(connection, catalogue, USERS)


def test_an_application_commands_and_asks_by_one_login(database_url: str, tmp_path: Path, users: Connection) -> None:
    """In transaction mode: the login brings the role that appends, and takes that of reading for a query."""
    with ExitStack() as stack:
        name = stack.enter_context(login(users, "append"))
        users.execute(identifiers.SQL("GRANT acci_read TO {}").format(identifiers.Identifier(name)))
        pooler = stack.enter_context(Pooler(tmp_path / "bouncer", database_url, "transaction", logins={name: "p"}))
        with Application(pooler.url(name), ["acci.domain.users"]) as app, acting_as(tenant_id="acme", user_id="me"):
            done = app.send(create("bob"))
            assert app.load(User, "bob").version == 1
            assert len(app.history(User, "bob")) == 1
            assert app.query(GetUser(tenant_id="acme", id="bob")) is None
            catch_up(users, CATALOGUE, USERS)
            app.wait_for(done, [USERS])
            bob = app.query(GetUser(tenant_id="acme", id="bob"))
            assert bob is not None
            assert [row["id"] for row in app.as_of(USERS, done.position or 0)] == ["ann", "bob"]
            assert app.send(create("eve")).version == 1, "its session appends again afterwards"
            with pytest.raises(NotAllowed):
                app.status()


def test_a_replica_behind_a_pooler_is_read(tmp_path: Path) -> None:
    """In transaction mode by a login that brings the role; one that does not is not used, in session mode neither."""
    (tmp_path / "pair").mkdir()
    pair = Pair(programs(), tmp_path / "pair")
    try:
        with ExitStack() as stack:
            owner = stack.enter_context(connect(pair.primary.url, "test"))
            names = [stack.enter_context(login(owner, "read")) for _ in range(2)]
            owner.execute(identifiers.SQL("ALTER ROLE {} RESET role").format(identifiers.Identifier(names[1])))
            pair.wait()
            logins = dict.fromkeys(names, "p")
            settings = Settings.from_environment({"ACCI_DATABASE_URL": pair.primary.url})
            for mode, name, said in (
                ("transaction", names[0], None),
                ("transaction", names[1], "role is 'none'"),
                ("session", names[1], "role is 'none'"),
            ):
                folder = tmp_path / f"{mode}-{name}"
                pooler = stack.enter_context(Pooler(folder, pair.standby.url, mode, logins=logins))
                here = replace(settings, read_url=pooler.url(name))
                app = stack.enter_context(Application(settings=here, contexts=["acci.domain.users"]))
                app.query(GetUser(tenant_id="acme", id="ann"))
                found = app.replica()
                assert found is not None
                assert (found.problem is None) if said is None else (said in str(found.problem)), (mode, found)
    finally:
        pair.stop()
