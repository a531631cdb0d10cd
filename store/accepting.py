"""Accepting a command: everything that can be found wrong with it before anything is loaded."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from domain.aggregates import Aggregate
from domain.commands import Command, CommandData, CommandMetadata
from domain.errors import InvalidCommand
from domain.events import StreamId
from store.catalogue import Catalogue
from store.payloads import Unstorable, check_stream, problem_of_moment
from store.strict_json import check_text
from store.validation import problems_of


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
        return Command(command_id or uuid4(), kind.model_validate(data), metadata)
    except ValidationError as error:
        raise InvalidCommand(name, problems_of(error)) from error


def accept(aggregate: type[Aggregate], command: Command[CommandData]) -> StreamId:
    """The command's stream. Raises `InvalidCommand` if nobody sent it, or PostgreSQL could not hold it."""
    name = type(command.data).__name__
    metadata = command.metadata
    if not _storable(command):
        problems = (*_unstorable(command.data.model_dump(), ""), *_unstorable(metadata.model_dump(), "metadata"))
        raise InvalidCommand(name, problems or (("data", "has no JSON form"),))
    if not (metadata.user_id.strip() and metadata.correlation_id.strip()):
        told = {"user_id": metadata.user_id, "correlation_id": metadata.correlation_id}
        empty = tuple((f"metadata.{field}", "is empty") for field, text in told.items() if not text.strip())
        raise InvalidCommand(name, empty)
    if problem := problem_of_moment(metadata.timestamp):
        raise InvalidCommand(name, (("metadata.timestamp", problem),))
    stream = StreamId(metadata.tenant_id, aggregate.aggregate_type(), command.data.aggregate_id)
    try:
        check_stream(stream)
    except Unstorable as error:
        fields = {"tenant_id": "metadata.tenant_id", "aggregate_id": command.data.aggregate_id_field}
        raise InvalidCommand(name, ((fields.get(error.where, error.where), error.reason.rstrip(".")),)) from error
    return stream


def _storable(command: Command[CommandData]) -> bool:
    """Whether all is well; to name a field takes longer, and is rarely needed."""
    metadata = command.metadata
    if "\0" in metadata.user_id + metadata.correlation_id + metadata.tenant_id:
        return False
    try:
        # An escaped backslash may look like the NUL character.
        return "\\u0000" not in command.data.model_dump_json() or not any(_unstorable(command.data.model_dump(), ""))
    except PydanticSerializationError:
        return False


def _unstorable(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if problem := check_text(value):
            yield where, problem
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unstorable(key, f"{where} (a key)")
            yield from _unstorable(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, inner in enumerate(value):
            yield from _unstorable(inner, f"{where}.{index}")
