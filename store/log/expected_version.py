"""What an append may expect of its stream, in place of a certain version."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from time import sleep
from typing import Final

from acci.domain.errors import AcciError, ConcurrencyError
from acci.domain.events import Event, EventData, StreamId
from acci.store.log.append import Recorded

ATTEMPTS = 20  # while others append to the stream
LONGEST_PAUSE = 0.1  # seconds


class ExpectedVersion(Enum):
    """In place of a version: `ANY`, the stream may be at any or not exist; `EXISTS`, it has an event at least."""

    ANY = "any"
    EXISTS = "exists"


ANY: Final = ExpectedVersion.ANY
EXISTS: Final = ExpectedVersion.EXISTS


class NoSuchStream(AcciError):
    """A stream was expected to exist, and has no event; nothing was stored."""

    tenant_id: str
    aggregate_type: str
    aggregate_id: str

    sentence = (
        "There is no {aggregate_type} {aggregate_id!r} of the tenant {tenant_id!r}. Correct its id, or begin it first."
    )


def require_stream(stream: StreamId, version: int, expected: ExpectedVersion) -> None:
    """Raises `NoSuchStream` if the stream has to exist, and is at version 0."""
    if expected is EXISTS and version == 0:
        raise NoSuchStream(*stream)


def append_behind(
    stream: StreamId,
    expected: ExpectedVersion,
    events: Sequence[Event[EventData]],
    version_of: Callable[[StreamId], int],
    append: Callable[[int, Sequence[Event[EventData]]], tuple[Recorded, ...]],
) -> tuple[Recorded, ...]:
    """Store the events behind the stream's last, whatever its version, with the versions that come next there."""
    for attempt in range(1, ATTEMPTS + 1):
        version = version_of(stream)
        require_stream(stream, version, expected)
        try:
            return append(version, [replace(event, version=place) for place, event in enumerate(events, version + 1)])
        except ConcurrencyError:
            if attempt == ATTEMPTS:
                raise
        sleep(random.uniform(0, min(LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311 nothing secret
    raise AssertionError
