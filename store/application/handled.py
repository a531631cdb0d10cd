"""What a command led to, as an application answers it."""

from dataclasses import dataclass
from uuid import UUID

from acci.store.log.append import Recorded


@dataclass(frozen=True, slots=True)
class Handled:
    """The events that a command led to, `version` of its aggregate after them, `position` of the last one.

    Without events, when nothing had to change, `position` is None and `version` is that of the aggregate now.
    `command_id` is the command's idempotency key.
    """

    events: tuple[Recorded, ...]
    version: int
    position: int | None
    command_id: UUID
