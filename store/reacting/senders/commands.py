"""Commands that a reaction sends: handled here, once each, since their id is the effect's."""

from collections.abc import Callable
from datetime import UTC, datetime

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import ConcurrencyError, InvalidCommand, UnknownName
from acci.store.commands.validation import typed
from acci.store.log.idempotency import CommandReused
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.registry import Catalogue

Handle = Callable[[Command[CommandData]], object]


class CommandSender:
    """Lets `handle`, a command handler's, handle them."""

    def __init__(self, handle: Handle, catalogue: Catalogue) -> None:
        self._handle, self._catalogue = handle, catalogue

    def send(self, message: Outgoing) -> None:
        """Afterwards the command has been handled, now or before.

        Raises `Refused` as the aggregate does, `DeliveryRefused` for one that is not valid, `DeliveryFailed` after too
        many conflicts, and what a database does that cannot be used.
        """
        try:
            self._handle(self._command(message))
        except (UnknownName, CommandReused) as error:
            raise DeliveryRefused(str(error).rstrip(".")) from None
        except InvalidCommand as error:
            fields = ", ".join(sorted({field for field, _ in error.problems}))
            raise DeliveryRefused(f"the command is not valid: look at {fields}") from None
        except ConcurrencyError:
            raise DeliveryFailed("others changed the aggregate each time") from None

    def _command(self, message: Outgoing) -> Command[CommandData]:
        metadata = CommandMetadata(
            user_id=f"reaction:{message.reaction}",
            correlation_id=message.correlation_id,
            tenant_id=message.tenant_id,
            timestamp=datetime.now(UTC),
        )
        return typed(self._catalogue, message.topic, message.content["data"], metadata, message.id)
