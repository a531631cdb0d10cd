"""The sequence of positions behind the rows, as logical replication and partial restores leave it: no event is lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import LiteralString
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from acci.domain.events import EventMetadata
from acci.store.commands.handler import CommandHandler
from acci.store.log.bulk import RawEvent
from acci.store.log.event_store import EventStore
from acci.store.log.high_water import establish, last
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.health import examine
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import SequenceBehind
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from acci.store.settings import Settings
from tests.domains.ledger import CONTEXT, Open, Pay, command, stream
from tests.support.histories import value
from tests.support.servers import SharedServer
from tests.support.shell import acci, refusal

LEDGER = Catalogue((CONTEXT,))
HOLDERS = LEDGER.projection("holders")
SET_BACK: LiteralString = "SELECT setval('acci.events_position_seq', %s)"


class Moved:
    """A log with a hole of rolled-back appends below its end, its read model live at that end, and an open handler."""

    def __init__(self, url: str, connection: Connection, database: Database) -> None:
        self.connection, self.url = connection, url
        self.store = EventStore(database, LEDGER)
        self.handler = CommandHandler(self.store, LEDGER)
        for number in range(10):
            self.open(f"a{number}")
        connection.execute("SELECT nextval('acci.events_position_seq') FROM generate_series(1, 8)")
        for number in range(10):
            self.open(f"b{number}")
        build.rebuild(connection, LEDGER, HOLDERS)
        self.end = establish(connection).position
        assert self.end == 28

    def open(self, account: str) -> None:
        self.handler.handle(command(Open(account=account, holder="Ann Lee")))

    def unwell(self) -> dict[str, str]:
        given_url = Settings.from_environment({"ACCI_DATABASE_URL": self.url})
        found = examine(given_url, LEDGER, Bounds(audit_hours=1e6)).checks
        return {check.kind: check.said for check in found if not check.healthy}


@pytest.fixture
def moved(database_url: str, connection: Connection) -> Moved:
    return Moved(database_url, connection, Database(database_url, 2, "append"))


def new_process(moved: Moved) -> None:
    with Database(moved.url, 1, "append") as database:
        EventStore(database, LEDGER).version(stream("a1"))


DOORS: dict[str, Callable[[Moved], object]] = {
    "a command": lambda moved: moved.open("new"),
    "several events of a command": lambda moved: moved.handler.handle_together(
        [command(Open(account="new", holder="Ann Lee")), command(Pay(account="new", amount=Decimal(1)))]
    ),
    "a new process": new_process,
    "in bulk": lambda moved: moved.store.append_in_bulk([raw_event()]),
}


def raw_event() -> RawEvent:
    return RawEvent(uuid4(), "bulk", "Account", "Opened", 1, "{}", EventMetadata("acme", "c"), datetime.now(UTC))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("back_to", [1, 10, 14, 17])
def test_nothing_is_appended_below_a_read_model(moved: Moved, door: str, back_to: int) -> None:
    moved.connection.execute(SET_BACK, (back_to,))
    before = value(moved.connection, "SELECT count(*) FROM acci.events")
    for _ in range(5):  # through the hole and into what is stored
        with pytest.raises(SequenceBehind):
            DOORS[door](moved)
    assert value(moved.connection, "SELECT count(*) FROM acci.events") == before
    assert "acci migrate" in moved.unwell()["sequence"]


def test_readers_work_and_call_no_position_final_too_early(moved: Moved) -> None:
    moved.connection.execute(SET_BACK, (12,))
    mark = establish(moved.connection)
    assert (mark.position, mark.head) == (moved.end, moved.end)
    assert last(moved.connection) == moved.end
    assert catch_up(moved.connection, LEDGER, HOLDERS).checkpoint == moved.end
    moved.connection.execute("UPDATE acci.high_water SET position = 5")
    mark = establish(moved.connection)
    assert (mark.position, mark.head) == (5, moved.end), "below 12 nothing new comes, but holes above may be filled"


def test_migrating_moves_the_sequence_forward(moved: Moved) -> None:
    moved.connection.execute(SET_BACK, (12,))
    words = ("send", "Open", "--tenant", "acme", "--user", "me", '{"account": "z", "holder": "Ann Lee"}')
    said = refusal(acci(*words, ACCI_DATABASE_URL=moved.url, ACCI_CONTEXTS="tests.domains.ledger"))
    assert said.startswith("Nothing can be appended")
    assert migrate(moved.url) == []
    moved.open("new")
    assert value(moved.connection, "SELECT max(position) FROM acci.events") == moved.end + 1
    assert catch_up(moved.connection, LEDGER, HOLDERS).checkpoint == moved.end + 1
    assert moved.unwell() == {}
    assert value(moved.connection, "SELECT count(*) FROM read.holders") == 21


def test_the_sequence_must_also_be_above_the_checkpoints(moved: Moved) -> None:
    """The last positions drawn were rolled back: setval(max(position)) is the usual advice."""
    moved.connection.execute("SELECT nextval('acci.events_position_seq') FROM generate_series(1, 5)")
    build.rebuild(moved.connection, LEDGER, HOLDERS)
    assert establish(moved.connection).position == moved.end + 5
    moved.connection.execute(SET_BACK, (moved.end,))
    for _ in range(2):  # each draws two at most
        with pytest.raises(SequenceBehind):
            moved.open("new")
    assert "sequence" in moved.unwell()
    assert value(moved.connection, "SELECT count(*) FROM acci.events") == 20


def test_a_collision_on_the_primary_key_is_no_conflict_of_versions(database_url: str, connection: Connection) -> None:
    """Without a read model or a high-water mark that would show it."""
    with Database(database_url, 1, "append") as database:
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
        for number in range(5):
            handler.handle(command(Open(account=f"a{number}", holder="Ann Lee")))
        connection.execute(SET_BACK, (2,))
        with pytest.raises(SequenceBehind):
            handler.handle(command(Open(account="new", holder="Ann Lee")))


def test_a_log_that_was_really_replicated(moved: Moved, server: SharedServer) -> None:
    """Rows of every table are copied, sequences are not; the new server's clients open new connections."""
    with server.database() as url, connect(url, "test") as there:
        kept = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'acci'::regnamespace AND relkind = 'r'"
        tables = [row[0] for row in moved.connection.execute(kept)]
        there.execute("SET session_replication_role = replica")
        for table in tables:
            there.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY".encode())
            if value(there, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))):
                there.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table.split("."))))
            with (
                moved.connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as source,
                there.cursor().copy(f"COPY {table} FROM STDIN".encode()) as target,
            ):
                for data in source:
                    target.write(data)
        there.execute("SET session_replication_role = origin")
        with pytest.raises(SequenceBehind), Database(url, 1, "append") as database, database.connection():
            pass
        migrate(url)
        with Database(url, 1, "append") as database:
            handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
            handler.handle(command(Open(account="new", holder="Ann Lee")))
        assert value(there, "SELECT max(position) FROM acci.events") == moved.end + 1


@settings(max_examples=15)
@given(back=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_no_event_is_lost_for_any_value_of_the_sequence(server: SharedServer, back: list[int]) -> None:
    with server.database() as url, connect(url, "test") as connection, Database(url, 1, "append") as database:
        moved = Moved(url, connection, database)
        for number, position in enumerate(back):
            connection.execute(SET_BACK, (position,))
            for attempt in range(3):
                try:
                    moved.open(f"c{number}.{attempt}")
                except SequenceBehind:
                    continue
            catch_up(connection, LEDGER, HOLDERS)
        assert value(connection, "SELECT count(*) FROM read.holders") == value(
            connection, "SELECT count(DISTINCT aggregate_id) FROM acci.events"
        )
