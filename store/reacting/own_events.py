"""Events that ACCI stores for a reaction in its own stream, in the transaction of what they follow from."""

from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from uuid import uuid5

from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.domain.reactions import CommandRefused, Reaction
from acci.store.log.append import Append, Encoder, Recorded
from acci.store.log.append_errors import version_of
from acci.store.log.append_within import append_within
from acci.store.log.expected_version import ANY, append_behind
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres import session
from acci.store.postgres.database import Connection
from acci.store.reacting.outgoing import Outgoing


def is_told(reaction: type[Reaction] | None, command: str) -> bool:
    """Whether the reaction decides on a refusal of that command, or folds its state from it."""
    return reaction is not None and (command in reaction.refusals or CommandRefused in reaction.evolving_events())


def append_refusal(connection: Connection, reaction: type[Reaction], command: Outgoing, reason: str) -> None:
    """Store that `command` was refused, behind the last event of the reaction's own stream of its key.

    In the caller's transaction, which has the rights of one that appends from here on: let it be the last thing there.
    """
    stream = StreamId(command.tenant_id, reaction.stream_type(), command.key)
    what = CommandRefused(command=command.topic, reason=reason, position=command.position, ordinal=command.ordinal)
    metadata = EventMetadata(
        command.tenant_id, command.correlation_id, str(command.id), f"reaction:{command.reaction}"
    )  # fmt: skip
    identity = uuid5(command.id, "refused")
    event: Event[EventData] = Event(
        identity, stream.aggregate_id, stream.aggregate_type, what.event_type(), 1, what, metadata, datetime.now(UTC)
    )
    session.take(connection, "append")
    encoder = Encoder({what.event_type(): CommandRefused}, PAYLOAD_LIMIT, connection.keys)
    append_behind(stream, ANY, [event], partial(version_of, connection), partial(_append, connection, stream, encoder))


def _append(
    connection: Connection, stream: StreamId, encoder: Encoder, version: int, events: list[Event[EventData]]
) -> tuple[Recorded, ...]:
    return append_within(lambda: nullcontext(connection), Append(stream, version, events), encoder)
