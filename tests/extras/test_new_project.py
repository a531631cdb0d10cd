"""From the wheel in an empty environment: `acci new shop`, then `make test` and `make up` in it, as its page says."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from acci.flows.local.orphans import end_orphaned_processes
from acci.store.embedded.ports import free_port
from acci.store.embedded.server import EmbeddedServer
from acci.store.settings import Settings
from tests.extras.test_extras import UV
from tests.support.prefect_server import wait_for
from tests.support.wheels import built, run

SEND = ("send", "--tenant", "t1", "--user", "me")


class Shop:
    """A project that the wheel made, used as its README says, with no variable of ACCI set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unset = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
        self.own = {n: v for n, v in os.environ.items() if n not in unset and not n.startswith(("ACCI_", "PREFECT_"))}

    def run(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.folder, env=self.own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def acci(self, *words: str) -> str:
        return self.run(".venv/bin/acci", *words)

    @contextmanager
    def started(self, said: str, *words: str, seconds: float = 300) -> Iterator[None]:
        """Inside, the program runs and has said that; afterwards it has ended well by SIGTERM."""
        output = self.folder / f"{words[1]}.out"
        with output.open("wb") as file:
            program = subprocess.Popen(words, cwd=self.folder, env=self.own, stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: program.poll() is not None or said in output.read_text(), seconds, said)
            assert program.poll() is None, output.read_text()
            yield
            program.send_signal(signal.SIGTERM)
            assert program.wait(90) == 0, output.read_text()
        finally:
            program.kill()
            program.wait()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Made by the `acci` of an environment in which only the wheel's base is; that wheel is gone afterwards."""
    wheel = built(tmp_path / "wheel")
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "maker", cwd=tmp_path)
    run(UV, "pip", "install", "--quiet", "--python", tmp_path / "maker" / "bin" / "python", wheel, cwd=tmp_path)
    wheel.unlink()
    run(tmp_path / "maker" / "bin" / "acci", "new", "shop", cwd=tmp_path)
    found = Shop(tmp_path / "shop")
    settings = Settings.from_environment({"ACCI_PROJECT": str(found.folder)})
    yield found
    end_orphaned_processes(settings)
    EmbeddedServer.of(settings).stop()


@pytest.mark.timeout(1500)
def test_a_new_project_is_tested_and_up_at_once(shop: Shop) -> None:
    assert " passed" in shop.run("make", "test")
    assert str(shop.folder) in shop.run(
        ".venv/bin/python", "-c", "import acci, shop; print(acci.__file__, shop.__file__)"
    )
    shop.run(".venv/bin/python", "-m", "pip", "check")
    shop.run("make", "check")
    assert shop.acci("new", "--add", "aggregate", "order").startswith("Made")
    assert " passed" in shop.run("make", "test", "ARGS=-k order")

    ports = f"--port {free_port()} --database-port {free_port()}"
    with shop.started("ACCI is up", ".venv/bin/acci", "up", *ports.split()):
        shop.acci(*SEND, "AddItem", '{"item": "bolt", "title": "Bolt M6"}')
        shop.acci(*SEND, "MoveStock", '{"item": "bolt", "count": 5}')
        shop.acci("run", "catch-up")
        assert "Bolt M6" in shop.acci("query", "low_stock", "--tenant", "t1")
        deployed = shop.acci("deploy")
        assert "are as declared" in deployed
        _serves(shop)
        with shop.started("started!", ".venv/bin/acci", "worker", "--name", "second"):
            pass


def _serves(shop: Shop) -> None:
    port = free_port()
    token = (shop.folder / ".acci" / "web-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "X-Tenant-ID": "t1", "X-User-ID": "me"}
    with (
        shop.started("Serving at", ".venv/bin/acci", "serve", "--port", str(port)),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client,
    ):
        assert client.get("/livez").is_success
        moved = client.post("/commands/MoveStock", json={"item": "bolt", "count": 2})
        assert moved.is_success, moved.text
