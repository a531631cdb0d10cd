"""What a setting's value may be: as a text of the environment, and as a value of TOML."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.settings.topics import topics_in_table, topics_in_text

LONGEST = 2_000_000  # seconds: what PostgreSQL takes as a time limit
SHOWN = 100  # characters of a value that is refused


class WrongSetting(AcciError):
    """A setting, `name`, has a value that means nothing."""

    name: str
    value: str
    wanted: str

    sentence = "{name} is {value!r}: give it {wanted}, or unset it."


@dataclass(frozen=True)
class Kind:
    """How a value is read.

    wanted: what it is, as a message says it.
    from_text, from_toml: read it; a path counts from a folder. They raise TypeError or ValueError.
    may_hold_password: the value is an address.
    """

    wanted: str
    from_text: Callable[[str, Path], object]
    from_toml: Callable[[object, Path], object]
    may_hold_password: bool = False

    def read(self, name: str, value: object, folder: Path) -> object:
        """The value, from a text of the environment or a value of TOML. Raises `WrongSetting`."""
        try:
            return self.from_toml(value, folder)
        except (TypeError, ValueError):
            shown = value if isinstance(value, str) else repr(value)
            shown = type(value).__name__ if self.may_hold_password else shown
            raise WrongSetting(name, shown[:SHOWN], self.wanted) from None

    def read_text(self, name: str, text: str, folder: Path) -> object:
        """The same from a text of the environment."""
        try:
            return self.from_text(text, folder)
        except ValueError:
            raise WrongSetting(name, text[:SHOWN], self.wanted) from None


def _text(value: object, _folder: Path) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError
    return value.strip()


def _path(value: object, folder: Path) -> Path:
    try:
        return (folder / Path(_text(value, folder)).expanduser()).resolve()
    except (OSError, RuntimeError):  # a user's folder that is not known, a name that is too long
        raise ValueError from None


def _names_in_text(text: str, _folder: Path) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ValueError
    return names


def _names(value: object, folder: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(dict.fromkeys(_text(each, folder) for each in value))


def _number_in_text(text: str, _folder: Path) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _number(value: object, _folder: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _count(read: Callable[..., float]) -> Callable[[object, Path], int]:
    def count(value: object, folder: Path) -> int:
        number = read(value, folder)
        if number < 1 or number != int(number):
            raise ValueError
        return int(number)

    return count


def _seconds(read: Callable[..., float]) -> Callable[[object, Path], float]:
    def seconds(value: object, folder: Path) -> float:
        number = read(value, folder)
        if not 0 <= number <= LONGEST:
            raise ValueError
        return number

    return seconds


def _yes_or_no(text: str, _folder: Path) -> bool:
    answers = {"yes": True, "no": False}
    if text.lower() not in answers:
        raise ValueError
    return answers[text.lower()]


def _one_of(*known: str) -> Callable[[object, Path], str]:
    def one_of(value: object, _folder: Path) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    return one_of


def _boolean(value: object, _folder: Path) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _dask(value: object, folder: Path) -> str:
    return str(_count(_number)(value, folder)) if isinstance(value, int) else _text(value, folder)


def _pairs(value: object, folder: Path) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise TypeError
    return tuple((str(name), _text(each, folder)) for name, each in value.items())


def _never(_text: str, _folder: Path) -> object:
    raise ValueError


TEXT = Kind("a text", _text, _text)
ADDRESS = Kind("an address", _text, _text, may_hold_password=True)
PATH = Kind("a path", _path, _path)
NAMES = Kind("a list of names", _names_in_text, _names)
COUNT = Kind("a whole number from 1 on", _count(_number_in_text), _count(_number))
SECONDS = Kind("a number of seconds from 0 on", _seconds(_number_in_text), _seconds(_number))
YES_OR_NO = Kind("yes or no (in a file true or false)", _yes_or_no, _boolean)
LOG_FORMAT = Kind("text or json", _one_of("text", "json"), _one_of("text", "json"))
DASK = Kind("a scheduler's address or a number of processes", _text, _dask, may_hold_password=True)
PAIRS = Kind("a table of texts", _never, _pairs)
TOPICS = Kind("a table of topics (in the environment JSON)", topics_in_text, topics_in_table, may_hold_password=True)
