"""Timestamps that a person enters: always with a time zone, and within what PostgreSQL and Python both hold."""

from datetime import UTC, datetime

from acci.domain.errors import AcciError


class WrongTimestamp(AcciError):
    """A timestamp was given that cannot be read, has no time zone, or is not within the years 1 to 9999 in UTC."""

    text: str

    sentence = (
        "{text!r} is no moment with a time zone in the years 1 to 9999 of UTC; "
        "write it as 2026-01-31T09:00:00Z or 2026-01-31T10:00+01:00."
    )


def parse_timestamp(text: str) -> datetime:
    """The timestamp that `text` spells, in UTC. Raises `WrongTimestamp`."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, WrongTimestamp) as error:
        raise WrongTimestamp(text) from error


def in_utc(given: datetime) -> datetime:
    """The same point in time, in UTC. Raises `WrongTimestamp` without a zone, which would leave it open."""
    if not isinstance(given, datetime):
        raise WrongTimestamp(str(given))
    if given.tzinfo is None:
        raise WrongTimestamp(given.isoformat())
    try:
        return given.astimezone(UTC)
    except OverflowError as error:
        raise WrongTimestamp(given.isoformat()) from error
