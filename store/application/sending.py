"""Commands as an application sends them: who, when and why filled in where the caller does not say."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from pydantic import ValidationError

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import InvalidCommand
from acci.store.application.acting import acting
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.timestamps import in_utc


def as_command(
    data: CommandData,
    command_id: UUID | None,
    tenant_id: str | None,
    user_id: str | None,
    correlation_id: str | None,
    timestamp: datetime | None,
) -> Command[CommandData]:
    """The command to send: what is None is taken from `acting_as`; else a new id, the id as correlation, and now.

    Raises `InvalidCommand` if nobody says for which tenant or by whom it is, `WrongTimestamp`.
    """
    now, wanted = acting(), command_id or uuid4()
    tenant_id, user_id = tenant_id or now.tenant_id, user_id or now.user_id
    name = type(data).__name__
    if tenant_id is None or user_id is None:
        missing = [field for field, value in (("tenant_id", tenant_id), ("user_id", user_id)) if value is None]
        raise InvalidCommand(
            name, tuple((field, f"give it, or send in acci.acting_as({field}=…)") for field in missing)
        )
    try:
        metadata = CommandMetadata(
            user_id=user_id,
            correlation_id=correlation_id or now.correlation_id or str(wanted),
            tenant_id=tenant_id,
            timestamp=datetime.now(UTC) if timestamp is None else in_utc(timestamp),
        )
    except ValidationError as error:
        raise InvalidCommand(name, problems_of(error)) from error
    return Command(wanted, data, metadata)
