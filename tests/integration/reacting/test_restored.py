"""A restored backup pauses reactions until somebody decides: what was sent since would be sent again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.embedded.programs import programs
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.migrations import migrate
from acci.store.reacting.effect_rows import effect_id
from acci.store.reacting.following import Reactor, react
from acci.store.reacting.registrations import RESTORED, registration, resume
from acci.store.registry import load
from tests.domains.shipping import Tracking
from tests.support.parcels import arrived, sent
from tests.support.servers import SharedServer

SHIPPING = load(["tests.domains.shipping"])
NAMES = ("announcement", "tracking")


def follow(connection: Connection) -> tuple[int, list[str]]:
    """How many events were decided, and what was said, by a program that begins now."""
    said: list[str] = []
    done = react(Reactor(connection, SHIPPING, NAMES, lambda name, what: said.append(f"{name}: {what}")))
    return sum(each.events for each in done.values()), said


def effects(connection: Connection) -> set[object]:
    """The idempotency keys of what is in the outbox, which receivers know again."""
    rows = connection.execute("SELECT event_id, reaction, rewind, ordinal FROM acci.outbox").fetchall()
    return {effect_id(*row) for row in rows}


def delivered(connection: Connection) -> None:
    connection.execute(
        """WITH gone AS (DELETE FROM acci.outbox RETURNING *)
           INSERT INTO acci.deliveries (position, rewind, ordinal, tries, reaction, ended)
           SELECT position, rewind, ordinal, 1, reaction, 'delivered' FROM gone"""
    )
    connection.execute("DELETE FROM acci.outbox_heads")


def wrong(connection: Connection) -> list[str]:
    of_reactions = [each for each in chosen(SHIPPING, [], None) if each[0].name not in ("schema", "envelopes")]
    done = [audit(connection, SHIPPING, check, name, WHOLE) for check, name in of_reactions]
    return [f"{each.check}: {found.problem}" for each in done for found in each.found]


@pytest.fixture
def running(connection: Connection) -> Connection:
    """Reactions that run; parcel a is decided and not yet delivered."""
    assert follow(connection) == (0, [])
    sent(connection, "a")
    assert follow(connection) == (2, [])
    return connection


@pytest.fixture
def dump(running: Connection, database_url: str, tmp_path: Path) -> Path:
    file = tmp_path / "acci.dump"
    subprocess.run([programs() / "pg_dump", "--format=custom", f"--file={file}", database_url], check=True)
    return file


@pytest.fixture
def restored(server: SharedServer, dump: Path, running: Connection) -> Iterator[Connection]:
    """As it was before a was delivered."""
    before = effects(running)
    delivered(running)
    with server.database(template="template1") as url:
        subprocess.run(
            [programs() / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", dump], check=True
        )
        assert migrate(url) == []
        with connect(url, "test") as connection:
            assert effects(connection) == before, "with the same idempotency keys"
            yield connection


def test_reactions_are_paused_after_a_restore_and_go_on_when_resumed(restored: Connection) -> None:
    sent(restored, "b")
    events, said = follow(restored)
    assert events == 0
    assert said == [f"{name}: paused: {RESTORED}." for name in NAMES]
    assert follow(restored)[0] == 0, "a second start does not resume them"

    for name in NAMES:
        resume(restored, name)
    assert follow(restored) == (2, [])
    arrived(restored, "a")
    assert follow(restored) == (1, [])
    row = restored.execute("SELECT content FROM acci.outbox ORDER BY position DESC, ordinal DESC LIMIT 1").fetchone()
    assert row == ({"payload": {"arrived": "a", "steps": 2}, "headers": {}},)
    assert wrong(restored) == []


def test_one_that_goes_on_elsewhere_is_not_paused(restored: Connection, running: Connection) -> None:
    """The database that was dumped runs on."""
    follow(restored)
    sent(running, "c")
    assert follow(running) == (2, [])
    assert not registration(running, Tracking.name).is_paused


def test_a_dump_restored_over_the_same_database_pauses_them_too(
    running: Connection, dump: Path, database_url: str
) -> None:
    delivered(running)
    running.close()
    again = ("--clean", "--if-exists", "--no-owner", "--exit-on-error", f"--dbname={database_url}")
    subprocess.run([programs() / "pg_restore", *again, dump], check=True)
    assert migrate(database_url) == []
    with connect(database_url, "test") as connection:
        sent(connection, "b")
        assert follow(connection)[0] == 0
        assert registration(connection, Tracking.name).reason == RESTORED
