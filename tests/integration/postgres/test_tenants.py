"""Tenants see only their own data with any query; without a tenant nothing is visible."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.domain.commands import Command, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.events import Event, EventMetadata, StreamId
from acci.domain.projections import Projection, Upsert, count, on
from acci.domain.users.events import UserCreated, UserUpdated
from acci.domain.users.user import CreateUser, User
from acci.store.aggregates.repository import Repository
from acci.store.auditing import repair
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import AuditScope
from acci.store.backfilling import backfill
from acci.store.backfilling.selection import Choice
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.session import Role
from acci.store.postgres.tenants import enter
from acci.store.projecting.batches import catch_up
from acci.store.projecting.dead_letters import retry
from acci.store.reading.as_of import rows_as_of
from acci.store.reading.queries import ask, question
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.support.histories import value
from tests.support.shell import acci

CATALOGUE = load(["acci.domain.users"])
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
USERS = CATALOGUE.projection("user_view")


def create(store: EventStore, tenant: str, user: str, name: str) -> None:
    metadata = CommandMetadata(user_id="me", correlation_id=f"of {tenant}", tenant_id=tenant, timestamp=MOMENT)
    command = CreateUser(user_id=user, email=f"{user}@{tenant}.example", name=name)
    CommandHandler(store, CATALOGUE).handle(Command(uuid4(), command, metadata))


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    """Two tenants with the same user id, appended with no more than the rights to append."""
    with Database(database_url, 2, "append") as database:
        store = EventStore(database, CATALOGUE)
        create(store, "t1", "ann", "Ann of one")
        create(store, "t2", "ann", "Ann of two")
        create(store, "t2", "bob", "Bob")
        yield store


@pytest.fixture
def built(store: EventStore, database_url: str) -> Iterator[Connection]:
    """Both tenants' users are live; the connection projects."""
    with connect(database_url, "test", "project") as connection:
        build.rebuild(connection, CATALOGUE, USERS)
        yield connection


def counts(connection: Connection) -> dict[str, int]:
    """How much a session sees of all that is a tenant's."""
    tables = ("acci.events", "read.user_view", "acci.snapshots", "acci.dead_letters", "acci.parked_keys")
    count_of = identifiers.SQL("SELECT count(*) FROM {}")
    return {table: value(connection, count_of.format(identifiers.Identifier(*table.split(".")))) for table in tables}


def test_two_tenants_may_use_the_same_ids(store: EventStore, built: Connection) -> None:
    for tenant, name in (("t1", "Ann of one"), ("t2", "Ann of two")):
        loaded = Repository(store).load(User, StreamId(tenant, "User", "ann"))
        assert (loaded.version, loaded.state.name) == (1, name)
        (event,) = store.read_stream(StreamId(tenant, "User", "ann"))
        assert event.tenant_id == tenant
        assert [e.tenant_id for e in store.read_correlated(tenant, f"of {tenant}")][:1] == [tenant]
    assert value(built, "SELECT count(*) FROM read.user_view WHERE id = 'ann'") == 2


def test_a_reader_sees_one_tenant(store: EventStore, built: Connection, database_url: str) -> None:
    Repository(store).save_snapshot(
        StreamId("t2", "User", "ann"), 1, Repository(store).load(User, StreamId("t2", "User", "ann")).state
    )
    generation = value(built, "SELECT generation FROM acci.generations WHERE state = 'live'")
    built.execute(
        "INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)"
        " SELECT %s, position, event_type, '[]', '', data FROM acci.events",
        (generation,),
    )
    built.execute("INSERT INTO acci.parked_keys SELECT %s, '{t2,ann}', 2", (generation,))
    everything = {"acci.events": 3, "read.user_view": 3, "acci.snapshots": 1, "acci.dead_letters": 3}
    assert counts(built) == everything | {"acci.parked_keys": 1}
    with connect(database_url, "test", "administer") as administrator:
        assert counts(administrator) == counts(built)
    with connect(database_url, "test", "read") as reader:
        assert set(counts(reader).values()) == {0}, "without a tenant"
        enter(reader, "t1")
        assert list(counts(reader).values()) == [1, 1, 0, 1, 0]
        enter(reader, "t2")
        assert list(counts(reader).values()) == [2, 2, 1, 2, 1]
        with reader.transaction():
            enter(reader, "t1", local=True)
            assert value(reader, "SELECT count(*) FROM acci.events WHERE tenant_id = 't2'") == 0
        assert counts(reader)["acci.events"] == 2, "as before the transaction"
        enter(reader, "")
        assert set(counts(reader).values()) == {0}


def test_no_tenant_is_left_behind_on_a_connection(store: EventStore, database_url: str) -> None:
    with connect(database_url, "test", "append") as connection, Database(database_url, 1, "append") as database:
        assert value(connection, "SELECT count(*) FROM acci.events") == 0
        inside = EventStore(database, CATALOGUE)
        Repository(inside).load(User, StreamId("t1", "User", "ann"))
        assert inside.version(StreamId("t2", "User", "bob")) == 1
        create(inside, "t1", "cid", "Cid")
        with database.connection() as lent:
            assert value(lent, "SELECT count(*) FROM acci.events") == 0


def test_nothing_is_appended_for_another_tenant(store: EventStore, database_url: str) -> None:
    statement = """INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id,
                   event_type, data, metadata) VALUES (now(), gen_random_uuid(), 1, 't2', 'P', 'p', 'P', '{}', '{}')"""
    with connect(database_url, "test", "append") as connection:
        enter(connection, "t1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(statement)
        enter(connection, "t2")
        connection.execute(statement)


def test_views_keep_tenants_apart_after_a_swap_and_as_of(
    store: EventStore, built: Connection, database_url: str
) -> None:
    with connect(database_url, "test", "read") as reader:
        enter(reader, "t1")
        assert value(reader, "SELECT count(*) FROM read.user_view") == 1
        build.rebuild(built, CATALOGUE, USERS)
        create(store, "t1", "cid", "Cid")
        catch_up(built, CATALOGUE, USERS)
        assert value(reader, "SELECT count(*) FROM read.user_view") == 2
        assert [row["tenant_id"] for row in rows_as_of(reader, CATALOGUE, USERS)] == ["t1", "t1"]
        assert [row["id"] for row in rows_as_of(reader, CATALOGUE, USERS, position=3)] == ["ann"]
    assert len(list(rows_as_of(built, CATALOGUE, USERS))) == 4
    table = "SELECT relrowsecurity FROM pg_class WHERE relname = 'user_view' AND relkind = 'r'"
    assert {row[0] for row in built.execute(table)} == {True}


def test_a_tenants_lag_counts_its_own_events(store: EventStore, built: Connection, database_url: str) -> None:
    create(store, "t1", "cid", "Cid")
    create(store, "t2", "dan", "Dan")
    create(store, "t2", "eve", "Eve")
    environment = {"ACCI_DATABASE_URL": database_url}
    for arguments, lag in (([], 3), (["--tenant", "t1"], 1), (["--tenant", "t2"], 2), (["--tenant", "t9"], 0)):
        done = acci("status", *arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        (told,) = json.loads(done.stdout)["projections"]
        assert told["lag_events"] == lag


@pytest.mark.parametrize(("role", "found"), [("read", 1), ("administer", 1)])
def test_a_query_names_its_tenant(built: Connection, database_url: str, role: Role, found: int) -> None:
    asked = question(CATALOGUE, "search_users", {"tenant_id": "t1", "query": "ann"})
    with connect(database_url, "test", role) as connection:
        answer = ask(connection, CATALOGUE, asked)
        assert isinstance(answer, list)
        assert len(answer) == found
        if role == "read":
            assert ask(connection, CATALOGUE, asked, tenant_id="t2") == [], "both must hold"
            assert counts(connection)["read.user_view"] == 0, "the question's tenant ends with it"


def test_work_for_one_tenant_leaves_equal_ids_of_others_alone(store: EventStore, built: Connection) -> None:
    """Backfill, audit and repair of one of two tenants that use the same ids; a dead letter of one."""
    wrong = "UPDATE read.user_view SET name = 'wrong' WHERE id = 'ann'"
    names = "SELECT array_agg(name ORDER BY tenant_id) FROM read.user_view WHERE id = 'ann'"

    def found(tenant: str | None) -> list[str | None]:
        (look,) = chosen(CATALOGUE, ["rows"], "user_view")
        return [each.place["tenant_id"] for each in audit(built, CATALOGUE, *look, AuditScope(tenant)).found]

    built.execute(wrong)
    assert (found("t1"), found("t2"), found(None)) == (["t1"], ["t2"], ["t1", "t2"])
    begun = backfill.begin(built, CATALOGUE, USERS, Choice(tenants=("t1",)))
    assert backfill.run_chunks(built, CATALOGUE, USERS, begun).keys == 1
    assert value(built, names) == ["Ann of one", "wrong"]
    assert (found("t1"), found("t2")) == ([], ["t2"])
    repair.repair(built, CATALOGUE, "user_view")
    assert value(built, names) == ["Ann of one", "Ann of two"]

    generation = value(built, "SELECT generation FROM acci.generations WHERE state = 'live'")
    built.execute("INSERT INTO acci.parked_keys VALUES (%s, '{t1,ann}', 1)", (generation,))
    for tenant in ("t1", "t2"):
        store.append(StreamId(tenant, "User", "ann"), 1, [renamed(tenant, "Anna")])
    catch_up(built, CATALOGUE, USERS)
    assert value(built, names) == ["Ann of one", "Anna"], "the other tenant's key does not wait"
    retry(built, CATALOGUE, USERS)
    assert value(built, names) == ["Anna", "Anna"]


def renamed(tenant: str, name: str) -> Event[UserUpdated]:
    data, metadata = UserUpdated(email="a@b.example", name=name), EventMetadata(tenant, "c", None, "me")
    return Event(uuid4(), "ann", "User", "UserUpdated", 2, data, metadata, MOMENT)


class Namesakes(Projection):
    """How often a name was given, across tenants."""

    key = ("name",)

    @on(UserCreated)
    def created(self, event: Event[UserCreated]) -> Upsert:
        return Upsert(name=event.data.name, users=count())


def test_a_read_model_without_tenants_is_for_administrators(
    store: EventStore, built: Connection, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "read_models").mkdir()
    table = "CREATE TABLE namesakes (name text PRIMARY KEY, users bigint NOT NULL);"
    (tmp_path / "read_models" / "namesakes.sql").write_text(table)
    context = Context("names", tmp_path, events=(UserCreated,), projections=(Namesakes,))
    catalogue, many = Catalogue((context,)), "SELECT count(*) FROM read.namesakes"
    build.rebuild(built, catalogue, Namesakes)
    with connect(database_url, "test", "read") as reader, connect(database_url, "test", "administer") as administrator:
        enter(reader, "t1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(many)
        assert value(administrator, many) == 3
        built.execute("GRANT SELECT ON read.namesakes TO acci_read")
        build.rebuild(built, catalogue, Namesakes)
        assert value(reader, many) == 3, "declared to be for everybody, for good"


def test_tenant_policies_do_not_slow_the_engine(built: Connection) -> None:
    plan = "\n".join(row[0] for row in built.execute("EXPLAIN SELECT FROM acci.events WHERE position > 5"))
    assert "tenant" not in plan
    plan = "\n".join(row[0] for row in built.execute("EXPLAIN DELETE FROM generation_1.user_view WHERE id = 'x'"))
    assert "tenant" not in plan
