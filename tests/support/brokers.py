"""A RabbitMQ of a test's own, from Debian's package: never the system's service."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pika
import psutil
from pika.exceptions import AMQPError

from acci.store.embedded.ports import HOST, free_port
from tests.support.prefect_server import wait_for

# Not the program of that name in /usr/sbin: that becomes the system's user, with that one's settings and cookie.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PATIENCE = 90.0  # seconds in which it starts


class Broker:
    """One broker with its data in `folder`, run by the account that runs the test; guest may do everything."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM.exists(), "install it: apt-get install rabbitmq-server"
        self._folder = folder
        folder.mkdir()
        for name in ("settings.conf", "environment.conf", "plugins"):
            (folder / name).write_text("[].\n" if name == "plugins" else "")
        self.port, self._names_port = free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"amqp://{HOST}:{self.port}"

    def start(self) -> None:
        """Afterwards it takes connections, with the queues and messages that it had."""
        epmd = shutil.which("epmd")
        assert epmd is not None
        # Its registry of names too: the one that Erlang starts by itself would outlive it.
        self._launch(epmd, "-address", HOST, "-port", str(self._names_port))
        self._launch(PROGRAM)
        wait_for(self._answers, PATIENCE, f"RabbitMQ takes connections, see {self._folder / 'output'}")

    def kill(self) -> None:
        """All its processes at once, as the end of its machine does; nothing if it is dead."""
        everybody = []
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                started = psutil.Process(process.pid)
                everybody += [started, *started.children(recursive=True)]
        for each in everybody:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        for process in self._processes:
            process.wait(30)
        psutil.wait_procs(everybody, 30)
        self._processes.clear()

    def connect(self) -> Any:
        """A connection, to be closed by the caller."""
        return pika.BlockingConnection(pika.URLParameters(f"{self.url}/%2F"))

    def _answers(self) -> bool:
        assert self._processes[-1].poll() is None, (self._folder / "output").read_text()
        try:
            self.connect().close()
        except (AMQPError, OSError):
            return False
        return True

    def _launch(self, *command: str | Path) -> None:
        with (self._folder / "output").open("ab") as output:
            started = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(started)

    def _environment(self) -> dict[str, str]:
        ours = {
            "NODENAME": f"acci-{self.port}@localhost",
            "NODE_IP_ADDRESS": HOST,
            "NODE_PORT": str(self.port),
            "DIST_PORT": str(free_port()),
            "MNESIA_BASE": str(self._folder / "data"),
            "LOG_BASE": str(self._folder / "log"),
            "CONFIG_FILE": str(self._folder / "settings.conf"),
            "CONF_ENV_FILE": str(self._folder / "environment.conf"),
            "ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "PID_FILE": str(self._folder / "pid"),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return {
            **kept,
            **{f"RABBITMQ_{name}": value for name, value in ours.items()},
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": HOST,
            "HOME": str(self._folder),
        }
