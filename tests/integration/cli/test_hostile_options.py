"""Every option and argument of every command with hostile values: a sentence, an exit code, and nothing stored.

Made from the program's own list of commands, so that a new option is tried by being there.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest
from typer.main import get_command

from acci.flows.cli import main
from acci.flows.cli.main import app
from acci.store.postgres.database import Connection, connect
from acci.store.reacting.registrations import register
from tests.domains.shipping import Announcement
from tests.support.histories import value
from tests.support.read_models import database_with_users
from tests.support.servers import SharedServer

# Only numbers are tried, which are refused before anything begins.
UNENDING = ("up", "watch", "follow", "react", "serve", "worker")
NO_NUMBERS = ("nan", "-nan", "1e400", "-1e400", "9" * 400, "0x10", "", "'; DROP TABLE acci.events; --", "1\0")
TEXTS = (
    "'; DROP TABLE acci.events; --", "\udcff\ud800", "a\0b", "", "%s%(x)s{}", "[" * 50_000, "x" * 200_000, "\x1b[2J",
    '{"a": NaN}', '{"a": 1, "a": 2}', '["\\ud800"]', "../../../etc/passwd", "/", "-1e400", "2026-99-99T99:99:99Z",
)  # fmt: skip
GOOD = {
    "projection": "user_view",
    "reaction": "announcement",
    "position": "1",
    "since": "0",
    "to": "0",
    "names": "user_view",
    "name": "search_users",
    "command": "CreateUser",
    "data": '{"user_id": "zoe", "email": "z@example.com", "name": "Zoe"}',
    "parameters": '{"query": "x"}',
    "tenant": "t1",
    "user": "me",
    "number": "1",
    "reason": "since",
    "correlation": "c",
    "events": "1",
}
STORED: LiteralString = """
SELECT (SELECT count(*) FROM acci.events), (SELECT count(*) FROM acci.commands), (SELECT count(*) FROM acci.imports),
       (SELECT count(*) FROM acci.discarded_events), (SELECT count(*) FROM acci.backfills),
       (SELECT count(*) FROM acci.generations), (SELECT count(*) FROM acci.seals),
       (SELECT count(*) FROM acci.reactions), (SELECT count(*) FROM acci.rewinds), (SELECT count(*) FROM acci.outbox),
       (SELECT count(*) FROM acci.outcomes), (SELECT count(*) FROM acci.deliveries)
"""
LITTLE = {"new": ["--add", "aggregate"], "simulate": ["--events", "1"], "reactions rewind": ["--yes", "--reason=so"]}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = list(leaves(get_command(app)))


def is_number(parameter: Any) -> bool:
    return any(kind in str(parameter.type_descriptor.annotation) for kind in ("int", "float"))


def lines(path: tuple[str, ...], command: Any) -> Iterator[tuple[list[str], bool]]:
    """Command lines with one hostile value each, the others valid; and whether it must be refused."""
    for tried in command.params:
        if getattr(tried, "is_flag", False):
            continue
        for hostile in NO_NUMBERS if is_number(tried) else () if path[0] in UNENDING else TEXTS:
            line = [*path, *LITTLE.get(" ".join(path), [])]
            behind = []
            for each in command.params:
                given = hostile if each is tried else GOOD.get(each.name, "x") if each.required else None
                if given is None:
                    continue
                if not each.opts[0].startswith("-"):
                    behind.append(given)
                else:
                    line.append(f"{each.opts[0]}={given}")
            yield [*line, "--", *behind], is_number(tried)


@pytest.fixture(scope="module")
def url(server: SharedServer) -> Iterator[str]:
    with database_with_users(server, 5) as url:
        with connect(url, "test") as connection:
            register(connection, Announcement, "beginning")
        yield url


def stored(connection: Connection) -> tuple[int, ...]:
    row = connection.execute(STORED).fetchone()
    assert row is not None
    return row


def exit_code() -> object:
    """The function that ends the program; an exception in it would be a traceback for the user."""
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    return 0


def test_every_command_is_tried() -> None:
    assert len(COMMANDS) > 25
    assert all(list(lines(*each)) or not [p for p in each[1].params if not p.is_flag] for each in COMMANDS[3:])


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_a_hostile_value(
    path: tuple[str, ...],
    command: Any,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = {"ACCI_CONTEXTS": "acci.domain.users,tests.domains.shipping"}
    chosen |= {"ACCI_DATABASE_URL": url, "ACCI_KEYS_URL": url, "ACCI_HOME": str(tmp_path)}
    for name, setting in (chosen | {"PREFECT_API_URL": "http://127.0.0.1:1/api"}).items():
        monkeypatch.setenv(name, setting)
    monkeypatch.chdir(tmp_path)
    with connect(url, "test") as connection:
        for line, must_be_refused in lines(path, command):
            before, shown = stored(connection), [word[:60] for word in line]
            monkeypatch.setattr(sys, "argv", ["acci", *line])
            code = exit_code()
            said = capsys.readouterr()
            assert code in (0, 1, 2), shown
            assert "Traceback" not in said.err, shown
            assert code or not must_be_refused, shown
            if code:
                assert said.err.strip() or said.out.strip(), shown
                assert stored(connection) == before, shown
                if code == 1 and said.err.startswith("{"):
                    assert json.loads(said.err)["error"]
        assert value(connection, "SELECT to_regclass('acci.events') IS NOT NULL")
