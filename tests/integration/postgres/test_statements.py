"""The SQL files: each statement is used, each name that code uses is there, PostgreSQL prepares every statement."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.pq import ExecStatus
from psycopg.sql import SQL as TEXT
from psycopg.sql import Identifier

from acci.store.maintenance.housekeeping import RECORDS, REMNANTS
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import NAME, REPEATED, SQL, sections, sql

CHECKOUT = SQL.parent
APART = ("migrations", "read_models", "queries", "audits")  # which are found by other means
FILES = sorted(
    str(file.relative_to(SQL).with_suffix(""))
    for file in SQL.rglob("*/*.sql")
    if file.relative_to(SQL).parts[0] not in APART
)
STATEMENTS = [f"{file}:{name}" if name else file for file in FILES for name in sections(file)]
PARTS = sorted({name for file in FILES for name in REPEATED.findall((SQL / f"{file}.sql").read_text("utf-8"))})
# What a program fills in where a statement has {…}.
COMPOSED = {
    "view": Identifier("read", "shown"),
    "table": Identifier("acci", "snapshots"),
    "columns": TEXT("tenant_id"),
    "key": TEXT("tenant_id, aggregate_id"),
    "generation": TEXT("1"),
    "log": TEXT("acci.events"),
}
# Temporary tables, and those of the store of keys, that other statements speak of.
MADE_BEFORE = (
    "projecting/affected_keys:create",
    "projecting/affected_keys:create_events",
    "projecting/decrypted_events:create",
    "aggregates/compaction:create_due",
    "importing/staging:create",
    "encryption/keys:create_schema",
    "encryption/keys:create_table",
)


def names_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """What stands for a statement in Python: `log/gap`, or `maintenance/housekeeping:{what}` with `*` for its part."""
    chapters = {file.partition("/")[0] for file in FILES}
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            text = ""
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
            if re.fullmatch(r"\w+/[\w*]+(:[\w*]+)?", text) and text.partition("/")[0] in chapters:
                yield text, file


def meant(name: str) -> list[str]:
    return [each for each in STATEMENTS if re.fullmatch(name.replace("*", r"\w+"), each)]


def test_statements_and_their_uses_match() -> None:
    used = set(PARTS)
    for folder in ("domain", "store", "flows"):
        for name, file in names_in(CHECKOUT / folder):
            assert meant(name), f"{file} uses {name}"
            used.update(meant(name))
    assert used == set(STATEMENTS)
    for name, file in names_in(CHECKOUT / "tests"):
        assert meant(name) or name in FILES, f"{file} uses {name}"


def test_housekeeping_has_a_statement_for_each_kind() -> None:
    assert set(sections("maintenance/housekeeping")) == {*RECORDS, *REMNANTS}


def test_a_file_is_one_statement_or_has_a_name_for_each() -> None:
    for file in FILES:
        head, *named = NAME.split((SQL / f"{file}.sql").read_text("utf-8"))
        if named:
            assert len(set(named[::2])) == len(named[::2]), f"{file} has a name twice"
            assert all(line.startswith("--") for line in head.splitlines() if line), f"{file}: before the first name"
        for name, text in sections(file).items():
            assert text.rstrip().endswith(";") == (f"{file}:{name}" not in PARTS), f"{file}:{name}"


@pytest.mark.parametrize("chapter", sorted({name.partition("/")[0] for name in STATEMENTS}))
def test_postgresql_prepares_each_statement(chapter: str, connection: Connection) -> None:
    refused: dict[str, str] = {}
    for name in (each for each in STATEMENTS if each.startswith(f"{chapter}/") and each not in PARTS):
        with connection.transaction(force_rollback=True):
            for made in MADE_BEFORE:
                connection.execute(sql(made))
            connection.execute("CREATE TEMPORARY VIEW audited_events AS SELECT * FROM acci.events")
            prepared = connection.pgconn.prepare(b"", whole(name).encode())
            if prepared.status != ExecStatus.COMMAND_OK:
                refused[name] = prepared.error_message.decode()
    assert refused == {}


def whole(name: str) -> str:
    """The statement with its composed parts filled in, and its parameters as PostgreSQL numbers them."""
    numbers: dict[str, int] = {}
    text: str = sql(name)
    if composed := {part: COMPOSED[part] for part in re.findall(r"\{(\w+)\}", text) if part in COMPOSED}:
        text = TEXT(sql(name)).format(**composed).as_string()
    return re.sub(r"%\((\w+)\)s", lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", text)
