"""`acci aggregate`: an aggregate's state, now or as it was."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.bounds import INTEGER
from acci.flows.cli.printing import JsonFlag, cell, console, print_json, print_table
from acci.flows.cli.streams import TypeOption, stream_meant
from acci.flows.cli.timestamp_options import AsOfOption, FormerMoment

if TYPE_CHECKING:
    from acci.domain.aggregates import Aggregate
    from acci.domain.events import StreamId
    from acci.store.aggregates.loading import Loaded
    from acci.store.postgres.database import Database


def aggregate(
    aggregate_id: Annotated[str, typer.Argument(metavar="ID", help="The aggregate's id.")],
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    aggregate_type: TypeOption = None,
    version: Annotated[int | None, typer.Option(min=1, max=INTEGER, help="As it was at this version.")] = None,
    timestamp: AsOfOption = None,
    moment: FormerMoment = None,  # noqa: ARG001 refused, with the new name
    json: JsonFlag = False,
) -> None:
    """Show an aggregate's state, now or as it was."""
    from acci.domain.errors import UnknownName
    from acci.flows.runtime.session import reads
    from acci.store.aggregates.repository import Repository
    from acci.store.log.event_store import EventStore
    from acci.store.values.timestamps import parse_timestamp

    as_of = None if timestamp is None else parse_timestamp(timestamp)
    with reads("read") as (source, catalogue):

        def looked(database: "Database") -> dict[str, Any] | None:
            stream = stream_meant(database, catalogue, tenant, aggregate_id, aggregate_type)
            if stream is None:
                return None
            repository = Repository(EventStore(database, catalogue))
            loaded = repository.load(catalogue.aggregate(stream.aggregate_type), stream, version, as_of)
            return _plain(stream, loaded) if loaded.version else None

        found = source.read(looked, (UnknownName,))
    if json:
        print_json(found)
    else:
        _show(found)


def _plain(stream: "StreamId", loaded: "Loaded[Aggregate]") -> dict[str, Any]:
    return {
        "aggregate_type": stream.aggregate_type,
        "aggregate_id": stream.aggregate_id,
        "version": loaded.version,
        "state": loaded.state.model_dump(mode="json"),
    }


def _show(found: dict[str, Any] | None) -> None:
    if found is None:
        console(stderr=True).print("Nothing found.")
        return
    console().print(
        cell(f"{found['aggregate_type']} {found['aggregate_id']}, version {found['version']}"), style="bold"
    )
    print_table(("field", "value"), found["state"].items())
