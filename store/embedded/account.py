"""Runs PostgreSQL's programs as a user it accepts: it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acci.domain.errors import AcciError

SYSTEM_USERS = ("postgres", "nobody")
TIMED_OUT = 124  # the exit code that timeout(1) gives too
SHELL = ("/bin/sh", "-c")
# Rights of root that are kept, from the least: the first that suffices is taken.
SEARCH, OVERRIDE = (
    [f"--inh-caps=+{right}", f"--ambient-caps=+{right}"] for right in ("dac_read_search", "dac_override")
)
NO_FIXUP = "--securebits=+no_setuid_fixup"
KEEPING: tuple[list[str], ...] = ([NO_FIXUP, *SEARCH], [NO_FIXUP, *OVERRIDE], SEARCH, OVERRIDE, [])
CAN_RUN = 'cd "$1" && exec env test -x "$0"'  # env, since the shell's built-in test uses another system call


class NoSystemUser(AcciError):
    """Running as root, and `missing` is what it would take to run PostgreSQL as a system user."""

    missing: str

    sentence = (
        "PostgreSQL does not run as root, and to run it as a system user, {missing} is missing. "
        "Start ACCI as an ordinary user, or set ACCI_DATABASE_URL to a PostgreSQL of your own."
    )


class ForeignData(AcciError):
    """The data folder belongs to another user than the one who runs this."""

    folder: str
    owner: str

    sentence = (
        "The embedded PostgreSQL's data in {folder} belong to the user {owner!r}: "
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
            try:
                os.chown(path, self.uid, self.gid)
            except PermissionError:
                raise NoSystemUser("the right to give it its files (CAP_CHOWN)") from None

    def run(self, command: Sequence[str | Path], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        """Runs `command` in `folder`; its output and exit code are in the result.

        A command that takes longer than `seconds` is ended, and the result says so.
        """
        return _run([*self._prefix(command[0], folder), *map(str, command)], folder, seconds)

    def launch(self, command: Sequence[str | Path], folder: Path, log: int) -> int:
        """Starts `command` in `folder`, out of reach of this terminal's signals; gives the number of its process.

        Its output goes to the open file `log`. It is detached: it outlives this process.
        """
        started = subprocess.run(
            [*SHELL, '"$@" >&2 & echo $!', "sh", *self._prefix(command[0], folder), *map(str, command)],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
            check=True,
        )
        return int(started.stdout)

    def _prefix(self, program: str | Path, folder: Path) -> list[str]:
        """What makes a command run as this account, able to run `program` and to enter `folder`.

        Under root the account keeps one right of root's, to get to what lies below folders like /root: opening those
        to everyone would be worse. Without the securebit, access(2), by which PostgreSQL's programs look for each
        other, does not count that right. A container's root may lack the first right, or have none at all.
        """
        if not self.is_other:
            return []
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise NoSystemUser("the program setpriv (package util-linux)")
        become = [setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        for rights in KEEPING:
            prefix = [*become, *rights, "--"]
            if _works([*prefix, *SHELL, CAN_RUN, str(program), str(folder)]):
                return prefix
        name = repr(_name(self.uid))
        if not _works([*become, "--", *SHELL, ":"]):
            raise NoSystemUser(f"the right to become {name} (CAP_SETUID and CAP_SETGID)")
        raise NoSystemUser(
            f"the right of {name} to run {program} and to enter {folder} "
            "(CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE, and CAP_SETPCAP)"
        )


def _works(command: Sequence[str]) -> bool:
    return _run(command, Path("/"), 30).returncode == 0


def _run(command: Sequence[str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, TIMED_OUT, f"not done after {seconds:.0f} s")


def _environment() -> dict[str, str]:
    # PGPORT, PGDATA, PGOPTIONS … of the caller's shell are meant for another server.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)
