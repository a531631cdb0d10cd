"""Commands decided without a database, by the code that validates and decides them in production."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import InvalidCommand, Refused
from acci.domain.events import Event, EventData, StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import fold
from acci.store.commands.deciding import Plan
from acci.store.commands.validation import kinds_of, typed, validate
from acci.store.log.append import Append, Encoder
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.keys import Keys
from acci.store.registry import Catalogue
from acci.store.testing.contexts import context_of_command
from acci.store.testing.differences import difference, listed
from acci.store.testing.histories import START, STEP, Happened, recorded
from acci.store.testing.keys_in_memory import KeysInMemory

SENDER = "test"


@dataclass(frozen=True)
class Decided:
    """What a command led to: its `events` and the `state` that they leave, or the `error` that it was refused with.

    Each method says what is expected, and raises AssertionError if it is not so.
    """

    command: str
    events: tuple[Event[EventData], ...]
    state: Any
    error: InvalidCommand | Refused | None = None

    @property
    def data(self) -> tuple[EventData, ...]:
        """The payloads of the events."""
        return tuple(event.data for event in self.events)

    def then(self, *expected: EventData | Happened) -> "Decided":
        """Accepted, and these events happened, in this order; of a `Happened`, what it names of the envelope too."""
        __tracebackhide__ = True
        self._accepted("; it was to lead to:" + listed(map(_wanted, expected)))
        same = len(expected) == len(self.events) and all(map(_is_as_expected, self.events, expected))
        if not same:
            envelopes = any(isinstance(each, Happened) for each in expected)
            found = [_found(each, envelopes) for each in self.events]
            lines = difference(list(map(_wanted, expected)), found)
            raise AssertionError(f"{self.command} led to other events (- expected, + happened):{lines}")
        return self

    def nothing(self) -> "Decided":
        """Accepted, and nothing happened."""
        __tracebackhide__ = True
        self._accepted("; it was to be accepted and lead to nothing.")
        if self.events:
            raise AssertionError(f"{self.command} was to lead to nothing. It {self._outcome()}")
        return self

    def refused(self, reason: str) -> "Decided":
        """The aggregate refused it for this reason."""
        __tracebackhide__ = True
        given = self.error.reason if isinstance(self.error, Refused) else None
        if given is None:
            raise AssertionError(f"{self.command} was to be refused: {reason}\nIt {self._outcome()}")
        if given != reason:
            lines = difference([reason], [given])
            raise AssertionError(f"{self.command} was refused for another reason (- expected, + given):{lines}")
        return self

    def invalid(self, *fields: str) -> "Decided":
        """Validation refused it for just these fields (dotted paths), before any aggregate was asked."""
        __tracebackhide__ = True
        wanted = ", ".join(fields)
        found = {field for field, _ in self.error.problems} if isinstance(self.error, InvalidCommand) else None
        if found is None:
            raise AssertionError(f"{self.command} was to be invalid: {wanted}\nIt {self._outcome()}")
        if found != set(fields):
            raise AssertionError(f"{self.command} was to be invalid only in: {wanted}\nIt {self._outcome()}")
        return self

    def _accepted(self, but: str) -> None:
        __tracebackhide__ = True
        if self.error is not None:
            raise AssertionError(f"{self.command} {self._outcome()}{but}")

    def _outcome(self) -> str:
        if isinstance(self.error, Refused):
            return f"was refused: {self.error.reason}"
        if self.error is not None:
            return "was invalid: " + "; ".join(f"{field}: {why}" for field, why in self.error.problems)
        return f"led to:{listed(map(_found, self.events))}" if self.events else "was accepted and led to nothing."


def decided(
    history: Sequence[Happened],
    command: CommandData | type[CommandData],
    data: Mapping[str, Any] | None,
    *,
    user_id: str = SENDER,
    tenant_id: str,
    timestamp: datetime | None,
) -> Decided:
    """What the command leads to after this history, by what validates, decides and encodes in production.

    Raises what is no answer of the domain: `UnknownName`, `DefinitionError`, `Unstorable`, `PayloadTooLarge` …
    """
    kind = command if isinstance(command, type) else type(command)
    catalogue = Catalogue((context_of_command(kind),))
    aggregate, _ = catalogue.command(kind.__name__)
    moment = timestamp or _after(history)
    metadata = CommandMetadata(
        user_id=user_id, correlation_id=f"request-{len(history) + 1}", tenant_id=tenant_id, timestamp=moment
    )
    try:
        sent = (
            typed(catalogue, kind.__name__, data or {}, metadata)
            if isinstance(command, type)
            else Command(uuid4(), command, metadata)
        )
        accepted = validate(kinds_of(catalogue), sent)
    except InvalidCommand as error:
        return Decided(kind.__name__, (), aggregate(), error)
    keys, plan = KeysInMemory(), Plan()
    loaded = _loaded(aggregate, history, accepted.stream, Encoder(catalogue.events, PAYLOAD_LIMIT, keys))
    try:
        plan.add(accepted, loaded, keys)
    except Refused as error:
        return Decided(_named(sent), (), loaded.state, error)
    append = _encodable(plan, catalogue, keys)
    return Decided(_named(sent), tuple(append.events), plan.states[accepted.stream].state)


def _loaded(aggregate: type[Any], history: Sequence[Happened], stream: StreamId, encoder: Encoder) -> Loaded[Any]:
    """The aggregate as it would be loaded. Raises what an append of the history raises, if it could not be in a log."""
    events = [event for event in recorded(history, stream) if event.stream == stream]
    encoder.statement(Append(stream, 0, events))
    newest = events[-1].id if events else None
    return Loaded(fold(aggregate(), events), len(events), 0, newest=newest)


def _encodable(plan: Plan, catalogue: Catalogue, keys: Keys) -> Append:
    """What would be stored. Raises what an append of it raises."""
    append = plan.results[0]
    if not isinstance(append, Append):
        raise TypeError("A new command leads to an append.")
    Encoder(catalogue.events, PAYLOAD_LIMIT, keys).statement(append)
    return append


def _after(history: Sequence[Happened]) -> datetime:
    return (recorded(history)[-1].timestamp if history else START) + STEP


def _named(command: Command[CommandData]) -> str:
    return f"{type(command.data).__name__} for {command.data.aggregate_id!r}"


def _is_as_expected(event: Event[EventData], expected: EventData | Happened) -> bool:
    if not isinstance(expected, Happened):
        return type(event.data) is type(expected) and event.data == expected
    named = _envelope(expected)
    return _is_as_expected(event, expected.data) and all(value == _of(event, name) for name, value in named.items())


def _envelope(expected: Happened) -> dict[str, Any]:
    """What it names of the envelope."""
    return {name: value for name, value in vars(expected).items() if name != "data" and value is not None}


def _of(event: Event[EventData], name: str) -> Any:
    return event.metadata.user_id if name == "user_id" else getattr(event, name)


def _wanted(expected: EventData | Happened) -> str:
    if not isinstance(expected, Happened):
        return repr(expected)
    named = "".join(f", {name}={value!r}" for name, value in _envelope(expected).items())
    return f"Happened({expected.data!r}{named})"


def _found(event: Event[EventData], envelope: bool = False) -> str:
    if not envelope:
        return repr(event.data)
    return _wanted(
        Happened(
            event.data,
            event.aggregate_id,
            event.tenant_id,
            event.aggregate_type,
            event.metadata.user_id,
            event.timestamp,
        )
    )
