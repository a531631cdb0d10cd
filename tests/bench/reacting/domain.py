"""The reactions that are measured, on users' events: a message for each, for one in ten, and with a state per key."""

from pathlib import Path
from typing import ClassVar, Self

from acci.domain.contexts import Context
from acci.domain.effects import Message
from acci.domain.events import Event, RecordedEvent
from acci.domain.folding import evolves
from acci.domain.reactions import Reaction, reacts
from acci.domain.users.events import UserCreated, UserUpdated
from acci.store.registry import load

TOPIC = "bench"


class MessageForEach(Reaction):
    name: ClassVar[str] = "message_for_each"

    @reacts(UserCreated, UserUpdated)
    def announce(self, event: RecordedEvent[UserCreated | UserUpdated]) -> Message:
        return Message(TOPIC, {"user": event.aggregate_id, "name": event.data.name})


class MessageForOneInTen(Reaction):
    name: ClassVar[str] = "message_for_one_in_ten"

    @reacts(UserCreated, UserUpdated)
    def announce(self, event: RecordedEvent[UserCreated | UserUpdated]) -> Message | None:
        if not isinstance(event.data, UserCreated):
            return None
        return Message(TOPIC, {"user": event.aggregate_id, "name": event.data.name})


class EveryTenthChange(Reaction):
    """A process manager: each event changes its state, and every tenth of a user is told."""

    name: ClassVar[str] = "every_tenth_change"

    changes: int = 0

    @evolves(UserCreated, UserUpdated)
    def changed_once(self, _: Event[UserCreated | UserUpdated]) -> Self:
        return self.changed(changes=self.changes + 1)

    @reacts(UserCreated, UserUpdated)
    def announce(self, event: RecordedEvent[UserCreated | UserUpdated]) -> Message | None:
        if self.changes % 10:
            return None
        return Message(TOPIC, {"user": event.aggregate_id, "changes": self.changes})


REACTIONS: tuple[type[Reaction], ...] = (MessageForEach, MessageForOneInTen, EveryTenthChange)
CATALOGUE = load(["acci.domain.users", Context("bench", Path(), (), reactions=REACTIONS)])
