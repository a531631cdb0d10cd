"""Hypothesis strategies for a domain's events, commands and histories, from their classes.

    from acci.store.testing.strategies import events

    @hypothesis.given(events(UserCreated))
    def test_every_new_user_has_a_row(created: UserCreated) -> None: ...

What they draw is valid, and can be stored: it comes back from the log as it was.
"""

from typing import Any, TypeVar

from acci.domain.aggregates import Aggregate
from acci.domain.commands import CommandData
from acci.domain.events import EventData
from acci.store.extras import needs
from acci.store.log.payloads import PAYLOAD_LIMIT, PayloadTooLarge, encode_data
from acci.store.testing.field_strategies import valid
from acci.store.testing.histories import Happened, recorded
from acci.store.testing.keys_in_memory import KeysInMemory
from acci.store.testing.kit import given
from acci.store.values.storable import Unstorable

with needs("testing"):
    from hypothesis import strategies as st

E = TypeVar("E", bound=EventData)
C = TypeVar("C", bound=CommandData)


def events(event: type[E], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[E]:
    """Events of this class; of a field that is named, the values of the strategy given for it.

    A field with a default is left out at times. Raises `DefinitionError` for a field whose type does not say which
    values it has, and for one that is not there.
    """
    return valid(event, fields).filter(_is_storable)


def commands(command: type[C], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[C]:
    """Commands of this class that are valid, whether or not an aggregate refuses them; otherwise as `events`."""
    return valid(command, fields)


def histories(
    aggregate: type[Aggregate], *of: st.SearchStrategy[CommandData], aggregate_id: Any = "1", longest: int = 8
) -> st.SearchStrategy[tuple[EventData, ...]]:
    """What happened to one aggregate after at most `longest` commands, of which it may have refused some.

    The commands are of all kinds that it decides on, for `aggregate_id`; or those that the strategies `of` draw.
    """
    kinds = sorted(aggregate.decisions, key=lambda kind: kind.__name__)
    drawn = of or [commands(kind, **{kind.aggregate_id_field: st.just(aggregate_id)}) for kind in kinds]
    return st.lists(st.one_of(*drawn), max_size=longest).map(_led_to)


def _led_to(commands: list[CommandData]) -> tuple[EventData, ...]:
    history: tuple[EventData, ...] = ()
    for command in commands:
        history += given(*history).when(command).data
    return history


def _is_storable(event: EventData) -> bool:
    try:
        encode_data(recorded([Happened(event)])[0], PAYLOAD_LIMIT, KeysInMemory())
    except (Unstorable, PayloadTooLarge):
        return False
    return True
