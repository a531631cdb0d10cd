"""`acci send`: one command, by name."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from acci.flows.cli.bounds import INTEGER
from acci.flows.cli.event_json import event_json
from acci.flows.cli.json_input import read_object
from acci.flows.cli.printing import JsonFlag, cell, console, print_json

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
    from acci.flows.runtime.session import catalogue, pool
    from acci.store.commands.handler import CommandHandler
    from acci.store.commands.validation import typed
    from acci.store.log.event_store import EventStore

    wanted = command_id or uuid4()
    metadata = CommandMetadata(
        user_id=user, correlation_id=correlation or str(wanted), tenant_id=tenant, timestamp=datetime.now(UTC)
    )
    given = typed(catalogue(), command, read_object(data), metadata, wanted)
    with pool("append") as (database, registered):
        events = CommandHandler(EventStore(database, registered), registered).handle(given, expected_version)
    if json:
        print_json(
            {
                "command_id": str(wanted),
                "events": [event_json(event) | {"tenant_id": event.tenant_id} for event in events],
            }
        )
    else:
        _show(events)


def _show(events: "tuple[Recorded, ...]") -> None:
    if not events:
        console().print("Nothing had to change.")
    for event in events:
        where = f"version {event.version} of {event.aggregate_id}, at position {event.position:,}"
        console().print(cell(f"{event.event_type}, {where}"), soft_wrap=True)
