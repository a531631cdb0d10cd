"""Debian's PgBouncer before a server: started by a test, gone with it."""

import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from acci.store.embedded.account import Account
from acci.store.embedded.ports import free_port, is_free
from tests.support.prefect_server import wait_for

PROGRAM = Path("/usr/sbin/pgbouncer")


class Pooler:
    """One in `mode`; every user comes in without a password. `settings` are lines of its file."""

    def __init__(self, folder: Path, url: str, mode: str, *settings: str, logins: dict[str, str] | None = None) -> None:
        there = conninfo_to_dict(url)
        self._folder, self._server, self.mode = folder, there, mode
        self._logins = {str(there["user"]): str(there.get("password") or ""), **(logins or {})}
        self._settings = settings
        self.port = free_port()

    def url(self, user: str | None = None) -> str:
        return f"postgresql://{user or self._server['user']}@127.0.0.1:{self.port}/{self._server['dbname']}"

    def __enter__(self) -> "Pooler":
        assert PROGRAM.exists(), "install it: apt-get install pgbouncer"
        self._folder.mkdir()
        users = self._folder / "users.txt"
        users.write_text("".join(f'"{name}" "{password}"\n' for name, password in self._logins.items()))
        written = self._folder / "ini"
        written.write_text(
            f"[databases]\n* = host={self._server['host']} port={self._server['port']}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {users}\npool_mode = {self.mode}\nlogfile = {self._folder / 'log'}\n"
            + "".join(f"{line}\n" for line in self._settings)
        )
        for parent in (self._folder, *self._folder.parents):
            if parent.owner() == self._folder.owner() and parent.stat().st_mode & 0o5 != 0o5 and parent != Path("/"):
                parent.chmod(0o755)
        account = Account.for_data(self._folder / "none")
        for path in (self._folder, users, written):
            account.give(path)
        self._process = subprocess.Popen(
            [PROGRAM, "-q", written], user=account.uid, group=account.gid, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: not is_free(self.port), 10, "the pooler listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
