"""Moments that a person names: always with a time zone."""

from dataclasses import dataclass
from datetime import datetime

from domain.errors import AcciError


@dataclass(eq=False, repr=False)
class WrongMoment(AcciError):
    """A moment was given that cannot be read, or has no time zone."""

    text: str

    def __str__(self) -> str:
        return (
            f"{self.text!r} is no moment with a time zone; write it as 2026-01-31T09:00:00Z or 2026-01-31T10:00+01:00."
        )


def moment(text: str) -> datetime:
    """The moment that `text` spells. Raises `WrongMoment`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongMoment(text) from error
    if found.tzinfo is None:
        raise WrongMoment(text)
    return found
