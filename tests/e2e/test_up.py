"""`acci up`, from the first start to the last: what it starts, finds again, refuses, survives and stops."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import yaml

from acci.flows.local.environment import MARK
from acci.flows.local.instance import running
from acci.flows.local.orphans import end_orphaned_processes
from acci.store.embedded.ports import free_port
from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.address import whereabouts
from acci.store.settings import CHECKOUT, Settings
from tests.support.prefect_server import PrefectServer, wait_for

DECLARED = [each["name"] for each in yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]]
pytestmark = pytest.mark.timeout(400)
ACCI = [sys.executable, "-c", "from acci.flows.cli import main; main()"]


class Up:
    """One `acci up` on `home`, as a shell would start it."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.settings = Settings.from_environment({"ACCI_HOME": str(home)} | environment)
        self._said = home.parent / f"{home.name}.out"
        self.port = free_port()
        with self._said.open("wb") as output:
            self.process = subprocess.Popen(
                [*ACCI, "up", "--port", str(self.port), "--database-port", str(free_port())],
                env=os.environ | environment | {"ACCI_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def ready(self) -> "Up":
        def is_up() -> bool:
            assert self.process.poll() is None, self.said
            return "ACCI is up" in self.said

        wait_for(is_up, 180, "ACCI is up")
        return self

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> list[psutil.Process]:
        """The processes that it started, except PostgreSQL, under any parent."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.settings.home):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def worker(self) -> psutil.Process | None:
        return next((process for process in self.processes() if "worker" in process.cmdline()), None)

    def database(self) -> str | None:
        return EmbeddedServer.of(self.settings).running_url()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Up]]:
    """Starts `acci up` on `home`; a test that fails half-way leaves nothing running."""
    started: list[Up] = []

    def start(**environment: str) -> Up:
        started.append(Up(home, **environment))
        return started[-1].ready()

    yield start
    for up in started:
        up.process.kill()
        up.process.wait()
        end_orphaned_processes(up.settings)
        EmbeddedServer.of(up.settings).stop()


def acci(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ACCI_HOME": str(home)}
    return subprocess.run([*ACCI, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_acci_up_starts_restarts_and_stops_everything(home: Path, start: Callable[..., Up]) -> None:
    up = start()

    page = httpx.get(f"http://127.0.0.1:{up.port}/")
    assert page.is_success
    assert "<title>Prefect" in page.text
    assert str(up.database()) in up.said
    assert acci(home, "status", "--json").returncode == 0

    file = home / "prefect-login"
    assert str(file) in up.said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    login = file.read_text().strip()
    assert httpx.post(f"http://127.0.0.1:{up.port}/api/flows/", json={"name": "attack"}).status_code == 403
    assert acci(home, "run", "catch-up", "--json").returncode == 0  # which finds it by itself
    said = [path.read_text(errors="replace") for path in (home / "logs").iterdir()] + [up.said]
    assert not [text for text in said if login in text or login.partition(":")[2] in text]
    assert not [each for each in up.processes() if login in str(each.cmdline())]

    second = acci(home, "up")
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith(f"acci: ACCI already runs in this folder (process {up.process.pid}, ")

    before = up.worker()
    assert before is not None
    before.kill()
    wait_for(lambda: (after := up.worker()) and after.pid != before.pid, 30, "another worker")
    assert "Started the worker again: it had ended." in up.said

    assert up.end(signal.SIGINT) == 0
    assert up.processes() == []
    assert up.database() is None
    assert running(up.settings) is None
    assert "Traceback" not in up.said


def test_acci_up_works_after_a_killed_acci_up(start: Callable[..., Up]) -> None:
    first = start()
    with psycopg.connect(str(first.database())) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    first.end(signal.SIGKILL)
    assert first.processes() != []

    second = start()
    assert "Ended what an earlier `acci up` had left running." in second.said
    assert second.database() == first.database()
    with psycopg.connect(str(second.database())) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert second.end(signal.SIGTERM) == 0
    assert second.processes() == []
    assert second.database() is None


@pytest.mark.parametrize("option", ["--port", "--database-port"])
def test_a_taken_port_is_refused_in_a_sentence(home: Path, option: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        free = ["--port", str(free_port())] if option != "--port" else []
        done = acci(home, "up", option, taken, *free)
    assert done.returncode == 1
    assert done.stderr.startswith(f"acci: Port {taken} is taken by another program")
    assert option in done.stderr
    assert done.stderr.count("\n") == 1
    assert EmbeddedServer.of(Settings.from_environment({"ACCI_HOME": str(home)})).running_url() is None


def test_a_misspelt_context_is_refused_before_anything_is_started(home: Path) -> None:
    environment = os.environ | {"ACCI_HOME": str(home), "ACCI_CONTEXTS": "no_such_one"}
    done = subprocess.run([*ACCI, "up"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("acci: ACCI_CONTEXTS names no_such_one: ")
    assert done.stderr.count("\n") == 1
    assert not home.exists()


@pytest.fixture
def lent_server(prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """The Prefect server, to be deployed to by others: afterwards it has nothing of theirs."""
    before = prefect_server.deployments()
    yield prefect_server
    for name, found in prefect_server.deployments().items():
        if name not in before:
            prefect_server.client.delete(f"/deployments/{found['id']}").raise_for_status()


def test_the_users_own_servers_are_used_and_not_stopped(
    lent_server: PrefectServer, start: Callable[..., Up], database_url: str
) -> None:
    before = lent_server.deployed()
    up = start(ACCI_DATABASE_URL=database_url, ACCI_PREFECT_PREFIX="lent", **lent_server.access)
    after = lent_server.deployed()
    assert {name: after[name] for name in before} == before
    assert {f"lent-{name}" for name in DECLARED} == after.keys() - before.keys()
    assert lent_server.api_url.removesuffix("/api") in up.said
    assert f"{whereabouts(database_url)} (ACCI_DATABASE_URL)" in up.said
    assert database_url not in up.said  # it holds a password
    assert up.database() is None
    started = [" ".join(process.cmdline()) for process in up.processes() if "prefect" in process.cmdline()]
    assert [line.partition(" prefect ")[2][:12] for line in started] == ["worker start"]
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT count(*) FROM acci.events").fetchone()
    assert found == (0,)  # no sample history in the user's log: it could never be removed
    assert up.end() == 0
    assert lent_server.api.is_healthy()
