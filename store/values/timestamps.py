"""Moments that a person names: always with a time zone, and such as PostgreSQL and Python both have."""

from dataclasses import dataclass
from datetime import UTC, datetime

from acci.domain.errors import AcciError


@dataclass(eq=False, repr=False)
class WrongMoment(AcciError):
    """A moment was given that cannot be read, has no time zone, or is not within the years 1 to 9999 in UTC."""

    text: str

    def __str__(self) -> str:
        return (
            f"{self.text!r} is no moment with a time zone in the years 1 to 9999 of UTC; "
            "write it as 2026-01-31T09:00:00Z or 2026-01-31T10:00+01:00."
        )


def moment(text: str) -> datetime:
    """The moment that `text` spells, in UTC. Raises `WrongMoment`."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, WrongMoment) as error:
        raise WrongMoment(text) from error


def in_utc(given: datetime) -> datetime:
    """The same moment in UTC. Raises `WrongMoment`: without a zone nobody knows which one is meant."""
    if given.tzinfo is None:
        raise WrongMoment(given.isoformat())
    try:
        return given.astimezone(UTC)
    except OverflowError as error:
        raise WrongMoment(given.isoformat()) from error
