"""`acci send`: one command, by name."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from acci.flows.cli.bounds import INTEGER
from acci.flows.cli.json_input import read_object
from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.log.append import Recorded


def send(
    command: Annotated[str, typer.Argument(help="The command's name, such as CreateUser.")],
    data: Annotated[str, typer.Argument(help="Its content as a JSON object; - reads it from standard input.")],
    tenant: Annotated[str, typer.Option(help="The tenant it is for.")],
    user: Annotated[str, typer.Option(help="Who sends it.")],
    command_id: Annotated[
        UUID | None, typer.Option("--id", help="The command's id: sent again with the same one, it happens once.")
    ] = None,
    correlation: Annotated[str | None, typer.Option(help="What it is part of; the command's id if not given.")] = None,
    expected_version: Annotated[
        int | None, typer.Option(min=0, max=INTEGER, help="Fail unless the aggregate is at this version.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Send a command and show the events that it led to."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from acci.domain.commands import CommandMetadata
    from acci.store.commands.handler import CommandHandler
    from acci.store.commands.validation import typed
    from acci.store.database_url import database_url
    from acci.store.encryption.configured import key_store
    from acci.store.log.event_store import EventStore
    from acci.store.postgres.database import Database
    from acci.store.registry import load

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    wanted = command_id or uuid4()
    metadata = CommandMetadata(
        user_id=user, correlation_id=correlation or str(wanted), tenant_id=tenant, timestamp=datetime.now(UTC)
    )
    given = typed(catalogue, command, read_object(data), metadata, wanted)
    with Database(database_url(settings), size=2, role="append", keys=key_store(settings)) as database:
        events = CommandHandler(EventStore(database, catalogue), catalogue).handle(given, expected_version)
    if json:
        print_json({"command_id": str(wanted), "events": [_plain(event) for event in events]})
    else:
        _show(events)


def _plain(event: "Recorded") -> dict[str, object]:
    return {
        "position": event.position,
        "tenant_id": event.tenant_id,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "event_type": event.event_type,
        "data": event.data.model_dump(mode="json"),
        "timestamp": event.timestamp.isoformat(),
    }


def _show(events: "tuple[Recorded, ...]") -> None:
    if not events:
        console().print("Nothing had to change.")
    for event in events:
        where = f"version {event.version} of {event.aggregate_id}, at position {event.position:,}"
        console().print(cell(f"{event.event_type}, {where}"), soft_wrap=True)
