"""The one object that a user's program holds: commands in, aggregates, history and answers out."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, assert_type
from uuid import uuid4

import pytest
from pydantic import BaseModel

from acci import (
    EXISTS,
    Aggregate,
    Application,
    CommandData,
    ConcurrencyError,
    Context,
    DefinitionError,
    Handled,
    InvalidCommand,
    OneQuery,
    Query,
    Refused,
    StreamId,
    acting_as,
)
from acci.domain.errors import UnknownName
from acci.domain.users.queries import GetUser, SearchUsers, UserRow
from acci.domain.users.user import CreateUser, DeactivateUser, UpdateUser, User
from acci.domain.users.user_view import UserView
from acci.store.aggregates.loading import Loaded
from acci.store.application.acting import NoTenant
from acci.store.application.pool import ApplicationClosed
from acci.store.log.expected_version import NoSuchStream
from acci.store.log.idempotency import CommandReused
from acci.store.log.reading import WrongBound
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import NotAllowed
from acci.store.reading.waiting import NotThereYet
from acci.store.values.timestamps import WrongTimestamp
from tests.integration.application.conftest import publish

ANN = CreateUser(user_id="ann", email="ann@example.com", name="Ann")
BOB = CreateUser(user_id="bob", email="bob@example.com", name="Bob")


def renamed(name: str) -> UpdateUser:
    return UpdateUser(user_id="ann", name=name)


def test_a_command_is_answered_with_what_it_led_to(app: Application) -> None:
    done = app.send(ANN, tenant_id="t1", user_id="me")
    (event,) = done.events
    assert (done.version, done.position) == (1, event.position)
    assert event.metadata == ("t1", str(done.command_id), str(done.command_id), "me")
    assert app.send(renamed("Anna"), tenant_id="t1", user_id="me").version == 2
    unchanged = app.send(renamed("Anna"), tenant_id="t1", user_id="me")
    assert (unchanged.events, unchanged.version, unchanged.position) == ((), 2, None)


def test_with_an_idempotency_key_it_happens_once(app: Application) -> None:
    key = uuid4()
    with acting_as(tenant_id="t1", user_id="me"):
        once = app.send(ANN, idempotency_key=key)
        assert app.send(ANN, idempotency_key=key) == once
        with pytest.raises(CommandReused):
            app.send(BOB, idempotency_key=key)
        together = app.send_together([BOB, renamed("Anna")], idempotency_key=key)
        assert app.send_together([BOB, renamed("Anna")], idempotency_key=key) == together
    assert [each.version for each in together] == [1, 2]


def test_all_of_several_commands_or_none(app: Application) -> None:
    ann = StreamId("t1", "User", "ann")
    with acting_as(tenant_id="t1", user_id="me"):
        app.send(ANN)
        with pytest.raises(Refused, match="CreateUser was refused for 'ann': the user exists already and is active"):
            app.send_together([BOB, ANN])
        with pytest.raises(ConcurrencyError):
            app.send_together([BOB], unchanged={ann: 2})
        assert app.load(User, "bob").version == 0
        assert [each.version for each in app.send_together([BOB], unchanged={ann: 1})] == [1]


def test_who_acts_is_known_inside_the_block(app: Application) -> None:
    with acting_as(tenant_id="t1", user_id="me", correlation_id="request-7"):
        (event,) = app.send(ANN).events
        assert (event.metadata.correlation_id, event.metadata.user_id) == ("request-7", "me")
        with acting_as(user_id="you"):
            (event,) = app.send(renamed("Anna")).events
            assert event.metadata[0::3] == ("t1", "you")
        (event,) = app.send(BOB, tenant_id="t2", correlation_id="request-8").events
        assert (event.tenant_id, event.metadata.correlation_id) == ("t2", "request-8")
        (event,) = app.send(DeactivateUser(user_id="ann")).events
        assert event.metadata.user_id == "me"
        nobody: list[BaseException] = []

        def elsewhere() -> None:
            try:
                app.send(renamed("Eve"))
            except InvalidCommand as error:
                nobody.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert str(nobody[0]) == (
        "UpdateUser is not valid: tenant_id: give it, or send in acci.acting_as(tenant_id=…); user_id: give it, or "
        "send in acci.acting_as(user_id=…). Correct it and send it again."
    )
    with pytest.raises(NoTenant, match="acting_as"):
        app.load(User, "ann")


def test_the_version_that_a_command_expects(app: Application) -> None:
    with acting_as(tenant_id="t1", user_id="me"):
        with pytest.raises(NoSuchStream, match="There is no User 'ann' of the tenant 't1'"):
            app.send(ANN, expected_version=EXISTS)
        assert app.send(ANN, expected_version=0).version == 1
        assert app.send(renamed("Anna"), expected_version=EXISTS).version == 2
        with pytest.raises(ConcurrencyError, match="'ann' is at version 2, not at the expected 1"):
            app.send(renamed("Eve"), expected_version=1)


def test_what_is_wrong_with_a_command_is_a_sentence(app: Application) -> None:
    class Unheard(CommandData):
        aggregate_id_field: ClassVar[str] = "id"
        id: str

    with acting_as(tenant_id="t1", user_id="me"):
        with pytest.raises(UnknownName, match=r"There is no command named 'Unheard'\. Known: CreateUser"):
            app.send(Unheard(id="a"))
        with pytest.raises(WrongTimestamp):
            app.send(ANN, timestamp=datetime(2026, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidCommand, match="user_id"):
            app.send(ANN, user_id=7)  # type: ignore[arg-type]
        with pytest.raises(InvalidCommand, match="idempotency_key: is no UUID"):
            app.send(ANN, idempotency_key="seven")  # type: ignore[arg-type]
        with pytest.raises(InvalidCommand, match="idempotency_key: is no UUID"):
            app.send_together([ANN], idempotency_key="")  # type: ignore[arg-type]
        with pytest.raises(WrongBound, match="expected_version is True"):
            app.send(ANN, expected_version=True)
        with pytest.raises(WrongBound, match="The version of 'ann' in unchanged is '1'"):
            app.send_together([ANN], unchanged={StreamId("t1", "User", "ann"): "1"})  # type: ignore[dict-item]
        with pytest.raises(InvalidCommand, match="unchanged: has a stream of another tenant, 't2'"):
            app.send_together([ANN], unchanged={StreamId("t2", "User", "ann"): 0})


def test_an_aggregate_now_and_as_it_was(app: Application) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with acting_as(tenant_id="t1", user_id="me"):
        app.send(ANN, timestamp=long_ago)
        app.send(renamed("Anna"))
        loaded = app.load(User, "ann")
        assert_type(loaded, Loaded[User])
        assert (loaded.state.name, loaded.version) == ("Anna", 2)
        assert app.load(User, "ann", to_version=1).state.name == "Ann"
        assert app.load(User, "ann", as_of=long_ago).state.name == "Ann"
        assert app.load(User, "nobody") == Loaded(User(), 0, 0)

        class Unheard(Aggregate):
            pass

        with pytest.raises(UnknownName, match="There is no aggregate named 'Unheard'"):
            app.load(Unheard, "ann")
        with pytest.raises(DefinitionError, match="another class of that name"):
            app.load(type("User", (Aggregate,), {}), "ann")


def test_the_history_of_an_aggregate(app: Application) -> None:
    with acting_as(tenant_id="t1", user_id="me"):
        app.send_together([ANN, renamed("Anna"), renamed("Anne")])
        changes = app.history(User, "ann")
        assert [change.event.version for change in changes] == [1, 2, 3]
        assert changes[2].difference == {"name": ("Anna", "Anne")}
        assert app.history("User", "ann", after=1, limit=1) == changes[1:2]
        assert app.history("User", "ann", to=2, backwards=True) == changes[1::-1]
        assert app.history("User", "nobody") == []
        with pytest.raises(UnknownName):
            app.history("Nothing", "ann")


def test_a_question_is_answered_with_its_rows(published: Application) -> None:
    app = published
    with pytest.raises(NotThereYet):
        app.wait_for(app.send(ANN, tenant_id="t1", user_id="me"), timeout=0)
    publish(app)
    found = app.query(SearchUsers(tenant_id="t1", query="ann"))
    assert_type(found, list[UserRow])
    assert [row.name for row in found] == ["Ann"]
    one = app.query(GetUser(tenant_id="t1", id="ann"))
    assert_type(one, UserRow | None)
    assert one == found[0]
    assert app.query(GetUser(tenant_id="t1", id="bob")) is None
    assert app.query(SearchUsers(tenant_id="t1", query="ann"), tenant_id="t2") == [], "a tenant sees its own only"


def test_who_asks_may_be_known_by_the_block(published: Application, tmp_path: Path) -> None:
    class Names(Query[UserRow]):
        name: ClassVar[str] = "names"

    class Unheard(OneQuery[UserRow]):
        name: ClassVar[str] = "unheard"

    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "names.sql").write_text("SELECT * FROM read.user_view ORDER BY id")
    published.send(ANN, tenant_id="t1", user_id="me")
    published.send(BOB, tenant_id="t2", user_id="me")
    publish(published)
    context = Context(name="names", sql=tmp_path, events=(), queries=(Names,))
    with Application(published.database.url, [context]) as app:
        with acting_as(tenant_id="t2"):
            assert [row.id for row in app.query(Names())] == ["bob"]
            assert [row.id for row in app.query(Names(), tenant_id="t1")] == ["ann"]
            with pytest.raises(UnknownName, match="There is no query named 'unheard'"):
                app.query(Unheard())
        with pytest.raises(NoTenant):
            app.query(Names())


def test_a_read_model_as_it_was(published: Application) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with acting_as(tenant_id="t1", user_id="me"):
        first = published.send(ANN, timestamp=long_ago)
        published.send(renamed("Anna"))
        published.send(BOB)
        assert first.position is not None
        assert [row["name"] for row in published.as_of(UserView, first.position)] == ["Ann"]
        assert [row["name"] for row in published.as_of("user_view", long_ago)] == ["Ann"]
        later = datetime.now(UTC) + timedelta(days=1)
        assert [row["name"] for row in published.as_of(UserView, later)] == ["Anna", "Bob"]
        assert [row["name"] for row in published.as_of(UserView, later, ["t1", "bob"])] == ["Bob"]
        assert [row["name"] for row in published.as_of(UserView, later, limit=1)] == ["Anna"]
        assert published.as_of(UserView, later, tenant_id="t2") == []


def test_waiting_for_ones_own_write(published: Application) -> None:
    done = published.send(ANN, tenant_id="t1", user_id="me")
    publish(published)
    published.wait_for(done)
    published.wait_for(done.position or 0, [UserView, "user_view"], timeout=0)
    published.wait_for(Handled((), 7, None, uuid4()), timeout=0)
    with pytest.raises(UnknownName):
        published.wait_for(1, ["nothing"], timeout=0)


def test_where_everything_stands(published: Application) -> None:
    published.send(ANN, tenant_id="t1", user_id="me")
    (users,) = published.status().projections
    assert (users.state, users.lag_events) == ("live", 1)
    assert published.status("t2").projections[0].lag_events == 0


def test_the_events_are_at_hand(app: Application) -> None:
    done = app.send(ANN, tenant_id="t1", user_id="me")
    assert tuple(app.events.read_stream(StreamId("t1", "User", "ann"))) == done.events
    assert app.events.event(done.events[0].id, "t1") == done.events[0]


def test_after_closing_every_call_is_refused(database_url: str) -> None:
    with Application(database_url, ["acci.domain.users"]) as app, acting_as(tenant_id="t1", user_id="me"):
        app.send(ANN)
        app.close()
        for call in (
            lambda: app.send(BOB),
            lambda: app.load(User, "ann"),
            lambda: app.query(GetUser(tenant_id="t1", id="ann")),
            app.status,
            lambda: app.events.version(StreamId("t1", "User", "ann")),
            lambda: app.wait_for(1),
        ):
            with pytest.raises(ApplicationClosed, match="is closed: use it inside its `with`"):
                call()


def test_a_login_without_the_right_is_a_sentence(app: Application, connection: Connection) -> None:
    app.send(ANN, tenant_id="t1", user_id="me")
    address, login = app.database.url.partition("@")[2], f"login_{uuid4().hex}"
    connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE acci_append".encode())
    try:
        connection.execute(f"GRANT CONNECT ON DATABASE {address.rpartition('/')[2]} TO {login}".encode())
        with Application(f"postgresql://{login}:secret@{address}", ["acci.domain.users"]) as weak:
            assert weak.load(User, "ann", tenant_id="t1").version == 1
            with pytest.raises(NotAllowed, match="may not do this"):
                weak.status()
            with pytest.raises(NotAllowed, match="may not do this"):
                weak.query(GetUser(tenant_id="t1", id="ann"))
    finally:
        connection.execute(f"DROP OWNED BY {login}".encode())
        connection.execute(f"DROP ROLE {login}".encode())


def test_a_query_says_in_its_bases_what_answers_it() -> None:
    with pytest.raises(DefinitionError, match=r"name the model of a row in its bases: class Bare\(Query\[Row\]\)"):

        class Bare(Query):  # type: ignore[type-arg]
            name: ClassVar[str] = "bare"

    with pytest.raises(DefinitionError, match=r"leave `answer` and `one` out; .* OneQuery\[Row\]"):

        class Old(OneQuery[UserRow]):
            name: ClassVar[str] = "old"
            answer: ClassVar[type[BaseModel]] = UserRow
