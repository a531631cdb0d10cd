"""Commands as an application sends them: who, when and why filled in where the caller does not say."""

from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import InvalidCommand
from acci.store.application.acting import acting
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.timestamps import in_utc


def as_command(
    data: CommandData,
    idempotency_key: UUID | None,
    tenant_id: str | None,
    user_id: str | None,
    correlation_id: str | None,
    timestamp: datetime | None,
    place: int | None = None,
) -> Command[CommandData]:
    """The command to send: what is None is taken from `acting_as`; else a new id, the id as correlation, and now.

    Its id is the key; at a `place` among several sent together, one made of both. Raises `InvalidCommand` if nobody
    says for which tenant or by whom it is, or the key is no UUID; `WrongTimestamp`.
    """
    now = acting()
    tenant_id = now.tenant_id if tenant_id is None else tenant_id
    user_id = now.user_id if user_id is None else user_id
    correlation_id = now.correlation_id if correlation_id is None else correlation_id
    name = type(data).__name__
    if idempotency_key is None:
        wanted = uuid4()
    elif not isinstance(idempotency_key, UUID):
        raise InvalidCommand(name, (("idempotency_key", "is no UUID"),))
    else:
        wanted = idempotency_key if place is None else uuid5(idempotency_key, str(place))
    if tenant_id is None or user_id is None:
        missing = [field for field, value in (("tenant_id", tenant_id), ("user_id", user_id)) if value is None]
        raise InvalidCommand(
            name, tuple((field, f"give it, or send in acci.acting_as({field}=…)") for field in missing)
        )
    try:
        metadata = CommandMetadata(
            user_id=user_id,
            correlation_id=str(wanted) if correlation_id is None else correlation_id,
            tenant_id=tenant_id,
            timestamp=datetime.now(UTC) if timestamp is None else in_utc(timestamp),
        )
    except ValidationError as error:
        raise InvalidCommand(name, problems_of(error)) from error
    return Command(wanted, data, metadata)
