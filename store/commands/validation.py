"""Validation: everything that can be found wrong with a command before anything is loaded."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from pydantic import ValidationError

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import InvalidCommand, UnknownName
from acci.domain.events import StreamId
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.log.idempotency import IdempotencyRecord, record_of_command
from acci.store.log.payloads import NAME_LIMIT, check_stream, problem_of_timestamp
from acci.store.registry import Catalogue
from acci.store.values.as_written import misread
from acci.store.values.canonical import canonical_form
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.storable import Unstorable, check_text, unstorable


def typed(
    catalogue: Catalogue,
    name: str,
    data: Mapping[str, Any],
    metadata: CommandMetadata,
    command_id: UUID | None = None,
) -> Command[CommandData]:
    """The command `name`, its id a new one if none is given. Raises what `content_of` raises."""
    return Command(command_id or uuid4(), content_of(catalogue, name, data), metadata)


def content_of(catalogue: Catalogue, name: str, data: object) -> CommandData:
    """The content of the command `name`. Raises `UnknownName`, or `InvalidCommand` naming every field that is wrong."""
    _, kind = catalogue.command(name)
    try:
        made = kind.model_validate(data)
    except ValidationError as error:
        raise InvalidCommand(name, problems_of(error)) from error
    if problems := tuple(misread(data, made)):
        raise InvalidCommand(name, problems)
    return made


class CommandKind(NamedTuple):
    """A registered command: the aggregate that decides on it, the class of its content.

    `personal`: whether a person's data may be in it, as it may be in what leads to personal data.
    """

    aggregate: type[Aggregate]
    data: type[CommandData]
    aggregate_type: str
    personal: bool


class AcceptedCommand(NamedTuple):
    """A valid command, the stream that it is for, and its idempotency record."""

    command: Command[CommandData]
    kind: CommandKind
    stream: StreamId
    record: IdempotencyRecord


def kinds_of(catalogue: Catalogue) -> dict[str, CommandKind]:
    """Every registered command by its name."""
    personal = {name for each in catalogue.contexts if have_personal_fields(each.events) for name in each.commands}
    return {
        name: CommandKind(aggregate, data, aggregate.aggregate_type(), name in personal)
        for name, (aggregate, data) in catalogue.commands.items()
    }


def validate(kinds: Mapping[str, CommandKind], command: Command[CommandData]) -> AcceptedCommand:
    """The command, after every check that can be made before anything is loaded.

    Raises `UnknownName`, or `InvalidCommand` if it has no sender, or PostgreSQL could not hold it.
    """
    data, metadata = command.data, command.metadata
    name = type(data).__name__
    kind = kinds.get(name)
    if kind is None:
        raise UnknownName("command", name, tuple(kinds))
    if type(data) is not kind.data:
        raise InvalidCommand(name, (("data", f"is of another class than {kind.data.__module__} registers"),))
    user, correlation, tenant, timestamp = (
        metadata.user_id, metadata.correlation_id, metadata.tenant_id, metadata.timestamp
    )  # fmt: skip
    content, texts = _content(command), user + correlation + tenant
    # To name the field takes longer, and most texts need no closer look.
    if content is None or (("\0" in texts or not texts.isascii()) and check_text(texts)):
        raise InvalidCommand(name, _unstorable_fields(command))
    if not isinstance(command.id, UUID):
        raise InvalidCommand(name, (("id", "is no UUID"),))
    names = {"user_id": user, "correlation_id": correlation}
    if not (user.strip() and correlation.strip()):
        empty = tuple((f"metadata.{field}", "is empty") for field, text in names.items() if not text.strip())
        raise InvalidCommand(name, empty)
    for field, text in names.items():
        # A character is at most four bytes: most need not be counted.
        if len(text) * 4 > NAME_LIMIT and (size := len(text.encode())) > NAME_LIMIT:
            raise InvalidCommand(name, ((f"metadata.{field}", f"is {size:,} bytes long; the limit is {NAME_LIMIT}"),))
    if timestamp.tzinfo is not UTC and (problem := problem_of_timestamp(timestamp)):
        raise InvalidCommand(name, (("metadata.timestamp", problem),))
    stream = StreamId(tenant, kind.aggregate_type, data.aggregate_id)
    try:
        check_stream(stream)
    except Unstorable as error:
        fields = {"tenant_id": "metadata.tenant_id", "aggregate_id": data.aggregate_id_field}
        raise InvalidCommand(name, ((fields.get(error.where, error.where), error.reason.rstrip(".")),)) from error
    return AcceptedCommand(command, kind, stream, record_of_command(command.id, name, content))


def _content(command: Command[CommandData]) -> bytes | None:
    """What it asks for, in canonical form; None if PostgreSQL could not hold it."""
    try:
        content = canonical_form(command.data)
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
