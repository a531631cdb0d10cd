"""Random values as an event's JSON has them, by kind; often alike, often at an edge."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from acci.domain.expressions.kinds import Kind

# Half an hour's change, midnight skipped or repeated, a day skipped, an odd offset.
ZONES = (
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
)
CHANGES = (
    "2024-03-31T01:00:00",  # Amsterdam, forward
    "2024-10-27T01:00:00",  # Amsterdam, back
    "2024-11-03T06:00:00",  # New York, back
    "2024-04-06T15:00:00",  # Lord Howe, back by half an hour
    "2024-10-05T15:30:00",  # Lord Howe, forward
    "2018-11-04T03:00:00",  # São Paulo skips midnight
    "2019-02-17T02:00:00",  # São Paulo repeats the hour before midnight
    "2023-11-05T05:00:00",  # Havana repeats midnight
    "2024-03-10T05:00:00",  # Havana skips midnight
    "2024-04-25T22:00:00",  # Cairo skips midnight
    "2024-10-31T21:00:00",  # Cairo repeats the hour before midnight
    "2011-12-30T10:00:00",  # Apia skips a day
    "2024-12-31T23:30:00",
    "2024-12-30T00:00:00",  # a Monday
)
MINUTES = (-1440, -90, -60, -31, -30, -1, 0, 1, 29, 30, 60, 89, 1440)
MICROSECONDS = (0, 0, 1, 499_999, 500_000, 999_999)
TEXTS = (
    "",
    "a",
    "A",
    "b",
    "é",
    "É",
    "a b",
    "%",
    "a%b",
    "it's",
    "\\",
    "ß",
    chr(0x1D4B3),
    "=",
    "İ",
    "null",
    "12",
    "e\u0301",
    "\n",
)
INTEGERS = (0, 0, 1, 1, 2, 3, -1, 40, 127, 32_767, 2**31 - 1, -(2**31), 2**40)
NUMBERS = ("0", "1.5", "1.50", "-0.00", "0.005", "-2.675", "1E+3", "99.995", "1E-7", "12345678901.5", "0.1")
FLOATS = (0.0, 0.5, 1.5, 2.5, -1e22, 1e-7, 0.1, 123456.789, "NaN", "Infinity", "-Infinity")
UUIDS = (
    "00000000-0000-0000-0000-000000000001",
    "ffffffff-0000-0000-0000-000000000001",
    "A0000000-0000-0000-0000-00000000000b",
)
NESTED: tuple[Any, ...] = ([], ["a"], ["é", "\\", '"', "\n"], {"b": 1.50, "aa": None}, {}, "text", 1.0, True)


def moment(random: Random) -> datetime:
    """Near to where clocks change somewhere."""
    change = datetime.fromisoformat(random.choice(CHANGES)).replace(tzinfo=UTC)
    return change + timedelta(minutes=random.choice(MINUTES), microseconds=random.choice(MICROSECONDS))


def _moment(random: Random) -> str:
    offset = random.choice((None, None, 2, -5))
    if offset is None:
        return moment(random).isoformat().replace("+00:00", "Z")
    return (moment(random) + timedelta(hours=offset)).replace(tzinfo=None).isoformat() + f"{offset:+03d}:00"


def _text(random: Random) -> str:
    if random.random() < 0.8:
        return random.choice(TEXTS)
    return "".join(chr(random.choice((random.randint(1, 0x2FF), random.randint(0xE000, 0x10FFFF)))) for _ in range(3))


def _number(random: Random) -> Any:
    if random.random() < 0.2:
        return random.choice((2, 1.50, 0.25))  # as JSON numbers
    return random.choice(NUMBERS) if random.random() < 0.6 else str(random.randint(-(10**9), 10**9) / 1000)


JSON: dict[Kind, Callable[[Random], Any]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: lambda random: random.choice(INTEGERS) if random.random() < 0.8 else random.randint(-(10**6), 10**6),
    Kind.NUMERIC: _number,
    Kind.FLOAT: lambda random: random.choice(FLOATS) if random.random() < 0.6 else random.uniform(-1e6, 1e6),
    Kind.BOOLEAN: lambda random: random.random() < 0.5,
    Kind.TIMESTAMP: _moment,
    Kind.DATE: lambda random: random.choice(("2024-03-31", "2024-02-29", "1999-12-31", "0800-01-01")),
    Kind.UUID: lambda random: random.choice(UUIDS),
    Kind.JSON: lambda random: random.choice(NESTED),
}
