"""PostgreSQL servers of a test's own, from any installation: a primary, and standbys of it."""

from contextlib import suppress
from pathlib import Path

import psutil
from psycopg.conninfo import make_conninfo

from acci.store.embedded.account import Account
from acci.store.embedded.ports import free_port

OF_DEBIAN = Path("/usr/lib/postgresql/15/bin")


class Cluster:
    """One server with its data in `folder`, which the account that runs it owns. Nobody needs a password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        folder.mkdir(mode=0o755)
        for parent in folder.parents:
            if parent.owner() == folder.owner() and parent.stat().st_mode & 0o5 != 0o5 and parent != Path("/"):
                parent.chmod(0o755)
        self._account = Account.for_data(folder / "data")
        self._account.give(folder)
        self.port = free_port()

    @property
    def url(self) -> str:
        return self.url_of("acci")

    def url_of(self, database: str) -> str:
        return f"postgresql://acci@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        self._run("initdb", "-D", self._data, "-U", "acci", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write("fsync = off\nunix_socket_directories = ''\nmax_wal_senders = 4\n")

    def create_as_standby_of(self, primary: "Cluster") -> None:
        source = make_conninfo(primary.url_of("postgres"), application_name="standby")
        self._run("pg_basebackup", "-D", self._data, "-d", source, "-R", "-c", "fast", "-X", "stream")

    def create_as_backup_of(self, other: "Cluster") -> None:
        """With what the other has now; it is not started."""
        source = make_conninfo(other.url_of("postgres"), application_name="backup")
        self._run("pg_basebackup", "-D", self._data, "-d", source, "-c", "fast", "-X", "none")

    def archive(self) -> Path:
        """Afterwards, from its next start on, its log of writes is kept in the folder that is given."""
        folder = self._folder / "archive"
        folder.mkdir()
        self._account.give(folder)
        self._set(archive_mode="on", archive_command=f"cp %p {folder}/%f")
        return folder

    def recover(self, archive: Path, restore_point: str) -> None:
        """At its next start it goes on from its backup to that restore point, and takes writes from there."""
        signal = self._data / "recovery.signal"
        signal.touch()
        self._account.give(signal)
        self._set(
            archive_mode="off",
            restore_command=f"cp {archive}/%f %p",
            recovery_target_name=restore_point,
            recovery_target_action="promote",
        )

    def use_tls(self, certificate: bytes, key: bytes) -> None:
        """With this certificate, from its next start on."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            file = self._data / name
            file.write_bytes(content)
            file.chmod(0o600)
            self._account.give(file)
        self._set(ssl="on")

    def start(self, *options: str) -> None:
        listen = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        words = " ".join((listen, *(f"-c {option}" for option in options)))
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log", "-o", words)

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-w", "-D", self._data)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", self._data)

    def kill(self) -> None:
        """All its processes at once, as the end of its machine does; nothing if it is dead."""
        try:
            postmaster = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        except (FileNotFoundError, psutil.NoSuchProcess):
            return
        everybody = [postmaster, *postmaster.children(recursive=True)]
        for process in everybody:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everybody, 30)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _set(self, **settings: str) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = self._account.run([self._programs / program, *arguments], self._folder, 120)
        assert done.returncode == 0, done.stdout
