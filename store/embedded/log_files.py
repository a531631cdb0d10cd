"""The log files of the local servers: for their owner only, bounded in size, searched when a person is erased."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from acci.domain.errors import AcciError

LARGE = 20_000_000  # bytes: a larger log is rotated; one old file is kept


class LogsClosed(AcciError):
    """The log files in `folder` cannot be read or written by who wants to erase a person."""

    folder: str
    reason: str

    sentence = (
        "The log files in {folder} cannot be searched for what is to be erased ({reason}). Nothing was "
        "done: run this as the user who ran `acci up`."
    )


def make_private(folder: Path) -> None:
    """Afterwards the folder is there, and only its owner can enter it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def open_log(log: Path) -> int:
    """The log, opened for appending, readable by its owner only; a large one is rotated first."""
    rotate_if_large(log)
    number = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    os.fchmod(number, 0o600)
    return number


def rotate_if_large(log: Path) -> None:
    """Afterwards the log is not large. Processes that write to it may go on, as it stays the same file."""
    with _alone_in(log.parent):
        if log.exists() and log.stat().st_size > LARGE:
            aside = log.with_suffix(".old.log")
            aside.touch(mode=0o600)
            shutil.copyfile(log, aside)
            os.truncate(log, 0)


def rotate_large_logs(folder: Path) -> None:
    """Afterwards no log of the folder is large."""
    for log in _logs(folder):
        if not log.name.endswith(".old.log"):
            rotate_if_large(log)


def overwrite(folder: Path, texts: Sequence[str]) -> dict[str, int]:
    """Afterwards no log in the folder contains any of the texts; returns in how many places each did.

    They are written over in place, as others may be adding to the file. Raises `LogsClosed`.
    """
    try:
        with _alone_in(folder):
            told = {log.name: sum(_write_over(log, text.encode()) for text in texts) for log in _logs(folder)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LogsClosed(str(folder), error.strerror or str(error)) from error
    return {name: count for name, count in told.items() if count}


def containing(folder: Path, texts: Sequence[str]) -> dict[str, int]:
    """In how many places each log in the folder contains any of the texts."""
    found = {log.name: log.read_bytes() for log in _logs(folder)}
    counts = {name: sum(content.count(text.encode()) for text in texts) for name, content in found.items()}
    return {name: count for name, count in counts.items() if count}


def _write_over(log: Path, text: bytes) -> int:
    content, count = log.read_bytes(), 0
    if text not in content:
        return 0
    with log.open("r+b") as file:
        place = content.find(text)
        while place >= 0:
            file.seek(place)
            file.write(b"*" * len(text))
            count, place = count + 1, content.find(text, place + len(text))
    return count


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
