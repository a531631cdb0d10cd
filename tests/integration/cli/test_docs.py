"""Every block of the documentation does as it stands there: shell, Python, SQL, files; a page's blocks in order."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acci.store.embedded.programs import programs as postgres_programs
from acci.store.postgres.database import connect
from tests.support.pages import Block, all_pages, executed, is_of_the_tutorial, name_of
from tests.support.prefect_server import PrefectServer
from tests.support.servers import SharedServer
from tests.support.shell import CHECKOUT

PROGRAMS = {"acci": "acci.flows.cli", "build-read-models": "tests.support.build_read_models", "pytest": "pytest"}
PAGES = [page for page in all_pages() if executed(page) and not is_of_the_tutorial(page)]
SETTING = re.compile(r"ALTER SYSTEM SET (\w+) = '?(\w+)'?")
FLOWS = re.compile(r"\bacci run (?!\S+ --help)")
pytestmark = pytest.mark.timeout(600)  # a page may run six flows, each in a process of its own


def needs_flows(page: Path) -> bool:
    return any(FLOWS.search(block.text) for block in executed(page) if block.language in ("sh", "before"))


class Reader:
    """Someone who does what a page says, in a folder and a database of their own."""

    def __init__(self, folder: Path, database_url: str, keys_url: str) -> None:
        self._folder, self._database_url = folder, database_url
        self._exports = folder / ".exports"
        programs = folder / ".bin"
        programs.mkdir()
        for name, module in PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m {module} "$@"\n')
            (programs / name).chmod(stat.S_IRWXU)
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(programs), str(postgres_programs()), os.environ["PATH"]]),
            "ACCI_HOME": str(folder / ".acci"),
            "ACCI_DATABASE_URL": database_url,
            "ACCI_KEYS_URL": keys_url,
            "ACCI_TEST_DATABASE_URL": database_url,
            "PYTHONPATH": str(CHECKOUT),
            "COLUMNS": "200",
            "CI": "true",  # Hypothesis then does not mind how busy the machine is
        }

    def read(self, page: Path) -> None:
        found = executed(page)
        python = [block for block in found if block.language == "python" and block.file is None]
        for block in found:
            where = f"{name_of(page)}, line {block.line}"
            if block.file is not None:
                self._save(block)
            elif block.language in ("sh", "before"):
                self._shell(block.text, where)
            elif block.language == "sql":
                self._sql(block.text, where)
            elif block in python[:1]:  # a page's blocks are one program
                self._python("\n".join(each.text for each in python), where)

    def _save(self, block: Block) -> None:
        file = self._folder / str(block.file)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")

    def _shell(self, text: str, where: str) -> None:
        program = f'[ ! -e "{self._exports}" ] || . "{self._exports}"\n{text}\nexport -p > "{self._exports}"'
        self._run(["bash", "-euo", "pipefail", "-c", program], where)

    def _python(self, text: str, where: str) -> None:
        self._run([sys.executable, "-W", "error", "-c", text], where)

    def _run(self, command: list[str], where: str) -> None:
        done = subprocess.run(
            command, cwd=self._folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 0, f"{where}:\n{said}"

    def _sql(self, text: str, where: str) -> None:
        """In a transaction that is undone; what is set for a whole server must be what the embedded one is set to."""
        name = self._database_url.rpartition("/")[2]
        said = re.sub(r"^--.*$", "", text, flags=re.MULTILINE).replace("DATABASE acci ", f'DATABASE "{name}" ')
        with connect(self._database_url, "test") as connection, connection.transaction(force_rollback=True):
            for statement in filter(None, map(str.strip, said.split(";"))):
                if setting := SETTING.fullmatch(statement):
                    row = connection.execute("SELECT current_setting(%s)", (setting[1],)).fetchone()
                    assert row == (setting[2],), f"{where}: {statement}"
                else:
                    connection.execute(statement.encode())


@pytest.fixture
def reader(tmp_path: Path, server: SharedServer, database_url: str) -> Iterator[Reader]:
    with server.database(template="template1") as keys_url:
        yield Reader(tmp_path, database_url, keys_url)
    with connect(database_url, "test") as connection:
        connection.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


@pytest.mark.parametrize("page", [page for page in PAGES if not needs_flows(page)], ids=name_of)
def test_a_page_does_as_it_says(page: Path, reader: Reader) -> None:
    reader.read(page)


@pytest.mark.parametrize("page", [page for page in PAGES if needs_flows(page)], ids=name_of)
def test_a_page_that_runs_flows_does_as_it_says(page: Path, reader: Reader, prefect_server: PrefectServer) -> None:
    reader.environment |= prefect_server.access
    reader.read(page)
