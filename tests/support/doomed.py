"""PostgreSQLs to be killed, all their processes at once."""

import threading
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from acci.store.embedded.account import Account
from acci.store.embedded.ports import free_port
from acci.store.embedded.programs import programs
from acci.store.embedded.server import EmbeddedServer


class Doomed:
    """One in `folder`. What it has committed outlives the kill, though not the end of the machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder, folder / "log", durable=False)
        self._is_dead = threading.Event()

    def start(self, port: int = 0) -> str:
        """Afterwards it runs; the URL of its database."""
        return self._server.start(port=port)

    def kill(self) -> None:
        postmaster = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        everybody = [postmaster, *postmaster.children(recursive=True)]
        for process in everybody:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everybody, 30)
        self._is_dead.set()

    def start_again(self, port: int = 0) -> str:
        """Once it is dead: a client may hear of its end before all of it has ended."""
        assert self._is_dead.wait(60)
        self._is_dead.clear()
        return self.start(port)

    def stop(self) -> None:
        self._server.stop()

    def url(self, database: str) -> str:
        found = self._server.running_url(database)
        assert found is not None
        return found

    def create(self, database: str, template: str) -> None:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(make.format(sql.Identifier(database), sql.Identifier(template)))


class External(Doomed):
    """One that ACCI has no part in: Debian's, if there is one, else made of the same programs as the embedded one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        self._programs = debian[-1].parent if debian else programs()
        self._data, self._port = folder / "data", 0

    def start(self, port: int = 0) -> str:
        self._port = port or free_port()
        if not self._data.exists():
            Account.for_data(self._data).give(self._folder)
            self._run("initdb", "-D", self._data, "-U", "acci", "--auth=trust", "--no-sync", "--encoding=UTF8")
        how = f"-p {self._port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories="
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log", "-o", how)
        return self.url("postgres")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", "fast")

    def url(self, database: str) -> str:
        return f"postgresql://acci@127.0.0.1:{self._port}/{database}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = Account.for_data(self._data).run([self._programs / program, *arguments], self._folder, 60)
        assert done.returncode == 0, done.stdout
