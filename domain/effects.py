"""Effects: what a reaction asks for. Plain values; nothing happens until they are stored and delivered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from acci.domain.commands import CommandData
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData

_LIMIT = 500  # bytes
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token, as RFC 9110 has it


@dataclass(frozen=True, slots=True)
class Send:
    """Handle `command`, in the event's tenant and correlation. It takes effect once; of a refusal, see `refused`."""

    command: CommandData

    def __post_init__(self) -> None:
        if not isinstance(self.command, CommandData):
            raise DefinitionError("Send", f"{self.command!r:.100} is no command.")


@dataclass(frozen=True, slots=True)
class Message:
    """Send `payload`, a JSON object, to where the settings say that `topic` goes.

    Messages of one `key` arrive in order; None: the reaction's own key of the event. At least once: a receiver that
    uses the idempotency key in the headers takes each once.
    """

    topic: str
    payload: Mapping[str, Any]
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_name("Message", "topic", self.topic)
        _require_object("Message", "payload", self.payload)
        if self.key is not None:
            _require_name("Message", "key", self.key)
        _require_object("Message", "headers", self.headers)
        for name, value in self.headers.items():
            _require_header(name, value)


@dataclass(frozen=True, slots=True)
class StartFlow:
    """Start a run of the Prefect deployment `deployment`, "flow/name", with these parameters. Once by its key."""

    deployment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_name("StartFlow", "deployment", self.deployment)
        _require_object("StartFlow", "parameters", self.parameters)


@dataclass(frozen=True, slots=True)
class After:
    """When `due`, let `what` happen: an event of the reaction's own stream, stored in the log, or another effect.

    A timedelta counts from when the event was recorded. A timer of the same key and `name` is replaced.
    """

    due: timedelta | datetime
    what: EventData | Send | Message | StartFlow
    name: str

    def __post_init__(self) -> None:
        _require_name("After", "name", self.name)
        if not isinstance(self.what, EventData | Send | Message | StartFlow):
            raise DefinitionError(f"After {self.name}", f"{self.what!r:.100} is neither an event nor an effect.")
        if isinstance(self.due, datetime):
            if self.due.tzinfo is None:
                raise DefinitionError(f"After {self.name}", "its moment has no time zone.")
        elif not isinstance(self.due, timedelta):
            raise DefinitionError(f"After {self.name}", f"{self.due!r:.100} is neither a timedelta nor a datetime.")

    def moment(self, recorded_at: datetime) -> datetime:
        """When it is due. Raises `DefinitionError` beyond the year 9999."""
        if isinstance(self.due, datetime):
            return self.due
        try:
            return recorded_at + self.due
        except OverflowError as error:
            raise DefinitionError(f"After {self.name}", "it would be due beyond the year 9999.") from error


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop the timer of that name, of the same key. There need be none."""

    name: str

    def __post_init__(self) -> None:
        _require_name("Cancel", "name", self.name)


Deliverable = Send | Message | StartFlow
Effect = Deliverable | After | Cancel


def _require_name(subject: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name.encode(errors="replace")) <= _LIMIT:
        raise DefinitionError(subject, f"its {what} {name!r:.100} is not a text of 1 to {_LIMIT} bytes.")
    if not name.isprintable():  # nor can PostgreSQL hold every other one
        raise DefinitionError(subject, f"its {what} {name!r:.100} has characters that cannot be shown.")


def _require_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not _HEADER.fullmatch(name) or not isinstance(value, str):
        raise DefinitionError("Message", f"its header {name!r:.100} is not a name with a text.")
    if any(character in value for character in "\r\n\0"):
        raise DefinitionError("Message", f"its header {name} has a line break in it.")


def _require_object(subject: str, what: str, value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise DefinitionError(subject, f"its {what} is no JSON object: give a dict whose keys are texts.")
