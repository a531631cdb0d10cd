"""The running `acci up` of this folder, and where its Prefect server is."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from acci.domain.errors import AcciError
from acci.flows.local.prefect_login import Access
from acci.flows.local.server_protection import kept_login, login_file
from acci.store.embedded.log_files import make_private
from acci.store.embedded.ports import HOST
from acci.store.settings import Settings, default_home


class AlreadyRunning(AcciError):
    """Another `acci up` runs in this folder, as process `pid`, with its pages at `ui_url`."""

    pid: int
    ui_url: str

    sentence = (
        "ACCI already runs in this folder (process {pid}, {ui_url}): "
        "use it, or stop it with Ctrl-C where it was started."
    )


class NoHome(AcciError):
    """The folder for data, logs and Prefect's home cannot be made or written."""

    home: str
    reason: str

    sentence = "The folder {home} cannot be used ({reason}): let ACCI_HOME name one that you may write."


@dataclass(frozen=True)
class Running:
    """What a running `acci up` publishes for other commands."""

    pid: int
    api_url: str
    ui_url: str


@contextmanager
def only_one(settings: Settings, api_url: str, ui_url: str) -> Iterator[None]:
    """Inside, this is the only `acci up` of this folder, and others can find it; else raises AlreadyRunning; NoHome.

    The lock is the operating system's: it goes with the process, also when that is killed.
    """
    record = _record(settings)
    try:
        _make_home(settings)
        opened = record.open("a+")
    except OSError as error:
        raise NoHome(str(settings.home), error.strerror or str(error)) from error
    with opened as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _read(record)
            raise AlreadyRunning(other.pid if other else 0, other.ui_url if other else "starting") from None
        held.truncate(0)
        held.write(json.dumps(asdict(Running(os.getpid(), api_url, ui_url))))
        held.flush()
        try:
            yield
        finally:
            held.truncate(0)


def _make_home(settings: Settings) -> None:
    """Make it and its folders accessible to the owner only; an existing folder that the user named stays as it is."""
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home == default_home(settings.project):
        make_private(home)
    for name in ("logs", "postgres", "prefect", "tmp"):
        make_private(home / name)


def running(settings: Settings) -> Running | None:
    """The `acci up` of this folder, if one runs."""
    record = _record(settings)
    try:
        with record.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _read(record)
    return None


def prefect_access(settings: Settings) -> Access | None:
    """The Prefect server to use: the one named, else that of the running `acci up`, else None.

    The login of the latter is known, also if its URL is named.
    """
    found, named = running(settings), settings.prefect_api_url
    if found and (named is None or _same(named, found.api_url)) and (login := kept_login(login_file(settings))):
        return Access(found.api_url, login)
    if named is None:
        return Access(found.api_url) if found else None
    return Access.named(named, settings)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").replace("//localhost:", f"//{HOST}:") == other.rstrip("/")


def _record(settings: Settings) -> Path:
    return settings.home / "up.json"


def _read(record: Path) -> Running | None:
    text = record.read_text()
    return Running(**json.loads(text)) if text else None
