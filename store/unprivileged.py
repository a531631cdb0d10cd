"""Runs PostgreSQL's programs as a user it accepts: it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import AcciError

SYSTEM_USERS = ("postgres", "nobody")
TIMED_OUT = 124  # the exit code that timeout(1) gives too


@dataclass(eq=False, repr=False)
class NoSystemUser(AcciError):
    """Running as root, and `missing` is what it would take to run PostgreSQL as a system user."""

    missing: str

    def __str__(self) -> str:
        return (
            f"PostgreSQL does not run as root, and to run it as a system user, {self.missing} is missing. "
            "Start ACCI as an ordinary user, or set ACCI_DATABASE_URL to a PostgreSQL of your own."
        )


@dataclass(eq=False, repr=False)
class ForeignData(AcciError):
    """The data folder belongs to another user than the one who runs this."""

    folder: str
    owner: str

    def __str__(self) -> str:
        return (
            f"The embedded PostgreSQL's data in {self.folder} belong to the user {self.owner!r}: "
            "run ACCI as that user or as root, or set ACCI_HOME to a folder of your own."
        )


@dataclass(frozen=True)
class Account:
    """Who runs the embedded server: this process's own user or, under root, a system user."""

    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> "Account":
        """The owner of `data` if it exists; otherwise this user or, under root, a system user."""
        me = os.geteuid()
        owner = data.stat().st_uid if data.exists() else None
        if me != 0:
            if owner not in (None, me):
                raise ForeignData(str(data), _name(owner))
            return cls(me, os.getegid())
        names = [_name(owner)] if owner else SYSTEM_USERS
        for name in names:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise NoSystemUser(f"a user named {' or '.join(names)}")

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def give(self, path: Path) -> None:
        """Makes the account the owner of `path`."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def run(self, command: Sequence[str | Path], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        """Runs `command` in `folder`; its output is in the result, whatever the exit code.

        A command that takes longer than `seconds` is ended, and the result says so. Under root the account keeps one
        right of root's, to read what others may not: it must get to data and programs below folders like /root, and
        opening those folders to everyone would be worse.
        """
        # PGPORT, PGDATA, PGOPTIONS … of the caller's shell are meant for another server.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        command = [*self._prefix(), *(str(word) for word in command)]
        try:
            return subprocess.run(
                command,
                cwd=folder,
                env=environment | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, TIMED_OUT, f"not done after {seconds:.0f} s")

    def _prefix(self) -> list[str]:
        if not self.is_other:
            return []
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise NoSystemUser("the program setpriv (package util-linux)")
        rights = "+dac_read_search"
        return [
            setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups",
            f"--inh-caps={rights}", f"--ambient-caps={rights}", "--",
        ]  # fmt: skip


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)
