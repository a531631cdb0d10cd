"""The token of `acci serve`: in a file of the home that only its owner can read."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from acci.domain.errors import AcciError

SHORTEST = 20  # characters
LARGEST = 1000  # bytes


class UnusableToken(AcciError):
    """The file with the token of `acci serve` cannot be used; `problem` says why."""

    file: str
    problem: str

    sentence = (
        "The token of `acci serve` in {file} cannot be used: {problem}. Correct that, or remove the file: the next "
        "start makes another one."
    )


def token_file(home: Path) -> Path:
    """Where it is."""
    return home / "web-token"


def web_token(home: Path) -> str:
    """The token; made if there is none, in a file of mode 600. Raises `UnusableToken`."""
    file = token_file(home)
    try:
        return _kept(file)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UnusableToken(str(file), error.strerror or str(error)) from error
    try:
        _make(file)
        return _kept(file)
    except OSError as error:
        raise UnusableToken(str(file), error.strerror or str(error)) from error


def _kept(file: Path) -> str:
    opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as kept:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise UnusableToken(str(file), "it is no file")
        if found.st_uid != os.geteuid():
            raise UnusableToken(str(file), "it belongs to another user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise UnusableToken(
                str(file), f"its mode is {stat.S_IMODE(found.st_mode):o} instead of 600, others can use it"
            )
        token = kept.read(LARGEST + 1).strip()
    if not SHORTEST <= len(token) <= LARGEST or not all(33 <= byte <= 126 for byte in token):
        raise UnusableToken(str(file), f"it has to be one word of {SHORTEST} to {LARGEST} ASCII characters")
    return token.decode("ascii")


def _make(file: Path) -> None:
    """Afterwards there is one, whole: of two processes that make it at once, the one who comes first."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as writing:
            writing.write(f"{secrets.token_urlsafe(32)}\n")
        with suppress(FileExistsError):
            os.link(made, file)
    finally:
        made.unlink(missing_ok=True)
