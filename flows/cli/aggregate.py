"""`acci aggregate`: an aggregate's state, now or as it was."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.bounds import INTEGER
from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.flows.cli.streams import TypeOption, stream_meant
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.domain.aggregates import Aggregate
    from acci.domain.events import StreamId
    from acci.store.aggregates.loading import Loaded


def aggregate(
    aggregate_id: Annotated[str, typer.Argument(metavar="ID", help="The aggregate's id.")],
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    aggregate_type: TypeOption = None,
    version: Annotated[int | None, typer.Option(min=1, max=INTEGER, help="As it was at this version.")] = None,
    moment: Annotated[
        str | None, typer.Option(help="By what had happened by then, such as 2026-05-01T12:00:00+02:00.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show an aggregate's state, now or as it was."""
    from acci.store.aggregates.repository import Repository
    from acci.store.database_url import database_url
    from acci.store.encryption.configured import key_store
    from acci.store.log.event_store import EventStore
    from acci.store.postgres.database import Database
    from acci.store.registry import load
    from acci.store.values.timestamps import parse_timestamp

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    as_of = None if moment is None else parse_timestamp(moment)
    with Database(database_url(settings), size=2, role="read", keys=key_store(settings)) as database:
        stream = stream_meant(database, catalogue, tenant, aggregate_id, aggregate_type)
        store = EventStore(database, catalogue)
        loaded = stream and Repository(store).load(catalogue.aggregate(stream.aggregate_type), stream, version, as_of)
    told = _plain(stream, loaded) if stream and loaded and loaded.version else None
    if json:
        print_json(told)
    else:
        _show(told)


def _plain(stream: "StreamId", loaded: "Loaded[Aggregate]") -> dict[str, Any]:
    return {
        "aggregate_type": stream.aggregate_type,
        "aggregate_id": stream.aggregate_id,
        "version": loaded.version,
        "state": loaded.state.model_dump(mode="json"),
    }


def _show(told: dict[str, Any] | None) -> None:
    if told is None:
        console(stderr=True).print("Nothing found.")
        return
    from rich.table import Table

    console().print(cell(f"{told['aggregate_type']} {told['aggregate_id']}, version {told['version']}"), style="bold")
    table = Table("field", "value")
    for name, value in told["state"].items():
        table.add_row(name, cell(value))
    console().print(table)
