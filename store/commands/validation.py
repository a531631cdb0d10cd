"""Accepting a command: everything that can be found wrong with it before anything is loaded."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import InvalidCommand
from acci.domain.events import StreamId
from acci.store.log.append import Handled
from acci.store.log.idempotency import remembered_as
from acci.store.log.payloads import NAME_LIMIT, check_stream, problem_of_moment
from acci.store.registry import Catalogue
from acci.store.values.as_written import misread
from acci.store.values.canonical import content_of
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.storable import Unstorable, check_text, unstorable


def typed(
    catalogue: Catalogue,
    name: str,
    data: Mapping[str, Any],
    metadata: CommandMetadata,
    command_id: UUID | None = None,
) -> Command[CommandData]:
    """The command `name`, its id a new one if none is given.

    Raises `UnknownName`, or `InvalidCommand` naming every field that is wrong.
    """
    _, kind = catalogue.command(name)
    try:
        content = kind.model_validate(data)
    except ValidationError as error:
        raise InvalidCommand(name, problems_of(error)) from error
    if problems := tuple(misread(data, content)):
        raise InvalidCommand(name, problems)
    return Command(command_id or uuid4(), content, metadata)


def accept(aggregate: type[Aggregate], command: Command[CommandData]) -> tuple[StreamId, Handled]:
    """The command's stream, and what is remembered of it.

    Raises `InvalidCommand` if nobody sent it, or PostgreSQL could not hold it.
    """
    data, metadata = command.data, command.metadata
    name = type(data).__name__
    user, correlation, tenant = metadata.user_id, metadata.correlation_id, metadata.tenant_id
    content = _content(command)
    if content is None or check_text(user + correlation + tenant):  # to name the field takes longer
        raise InvalidCommand(name, _unstorable_fields(command))
    if not isinstance(command.id, UUID):
        raise InvalidCommand(name, (("id", "is no UUID"),))
    told = {"user_id": user, "correlation_id": correlation}
    if not (user.strip() and correlation.strip()):
        empty = tuple((f"metadata.{field}", "is empty") for field, text in told.items() if not text.strip())
        raise InvalidCommand(name, empty)
    for field, text in told.items():
        # A character is at most four bytes: most need not be counted.
        if len(text) * 4 > NAME_LIMIT and (size := len(text.encode())) > NAME_LIMIT:
            raise InvalidCommand(name, ((f"metadata.{field}", f"is {size:,} bytes long; the limit is {NAME_LIMIT}"),))
    if problem := problem_of_moment(metadata.timestamp):
        raise InvalidCommand(name, (("metadata.timestamp", problem),))
    stream = StreamId(tenant, aggregate.aggregate_type(), data.aggregate_id)
    try:
        check_stream(stream)
    except Unstorable as error:
        fields = {"tenant_id": "metadata.tenant_id", "aggregate_id": data.aggregate_id_field}
        raise InvalidCommand(name, ((fields.get(error.where, error.where), error.reason.rstrip(".")),)) from error
    return stream, remembered_as(command, content)


def _content(command: Command[CommandData]) -> bytes | None:
    """What it asks for; None if PostgreSQL could not hold it."""
    try:
        content = content_of(command.data)
    except (ValueError, RecursionError):  # no JSON form, a number too long to write, nested too deeply
        return None
    # An escaped backslash may look like the NUL character.
    if b"\\u0000" in content and any(unstorable(command.data.model_dump())):
        return None
    return content


def _unstorable_fields(command: Command[CommandData]) -> tuple[tuple[str, str], ...]:
    metadata = tuple(unstorable(command.metadata.model_dump(), "metadata"))
    try:
        return (*unstorable(command.data.model_dump()), *metadata) or (("data", "has no JSON form"),)
    except RecursionError:
        return (("data", "nests too deeply"), *metadata)
