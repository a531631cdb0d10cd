"""`acci history`: what happened to an aggregate, or as part of one correlation."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.bounds import INTEGER
from acci.flows.cli.event_json import event_json
from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.flows.cli.streams import TypeOption, stream_meant

if TYPE_CHECKING:
    from acci.store.aggregates.history import Change
    from acci.store.postgres.database import Database


def history(
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    aggregate_id: Annotated[str | None, typer.Argument(metavar="ID", help="The aggregate's id.")] = None,
    aggregate_type: TypeOption = None,
    correlation: Annotated[
        str | None, typer.Option(help="Instead of an aggregate: all events of this correlation.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, max=INTEGER, help="Only events after this version.")] = 0,
    to: Annotated[int | None, typer.Option(min=1, max=INTEGER, help="Only events up to this version.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many events, the last ones.")] = 100,
    from_version: Annotated[int | None, typer.Option(hidden=True)] = None,
    to_version: Annotated[int | None, typer.Option(hidden=True)] = None,
    json: JsonFlag = False,
) -> None:
    """Show an aggregate's events, newest first.

    Who, when and why, and what each changed.
    """
    from acci.domain.errors import UnknownName
    from acci.flows.runtime.session import reads
    from acci.store.aggregates.history import history as history_of
    from acci.store.aggregates.history import history_of_correlation
    from acci.store.log.event_store import EventStore

    if from_version is not None:
        raise typer.BadParameter(
            f"--from-version is now --after, the version before: give --after {max(from_version - 1, 0)}."
        )
    if to_version is not None:
        raise typer.BadParameter(f"--to-version is now --to: give --to {to_version}.")
    if (aggregate_id is None) == (correlation is None):
        neither = aggregate_id is None
        raise typer.BadParameter(f"give an aggregate's id, or --correlation{'' if neither else ', not both'}.")
    with reads("read") as (source, catalogue):

        def found(database: "Database") -> "list[Change]":
            store = EventStore(database, catalogue)
            if aggregate_id is None:
                return list(history_of_correlation(store, catalogue, tenant, correlation or "", limit, backwards=True))
            stream = stream_meant(database, catalogue, tenant, aggregate_id, aggregate_type)
            return list(history_of(store, catalogue, stream, after, to, limit, backwards=True)) if stream else []

        changes = source.read(found, (UnknownName,))
    if json:
        print_json([_change_json(change) for change in changes])
    else:
        _show(changes, limit)


def _change_json(change: "Change") -> dict[str, Any]:
    event = change.event
    return event_json(event) | {
        "schema_version": event.schema_version,
        "recorded_at": event.recorded_at.isoformat(),
        "user_id": event.metadata.user_id,
        "correlation_id": event.metadata.correlation_id,
        "causation_id": event.metadata.causation_id,
        "difference": {
            field: {"before": before, "after": after} for field, (before, after) in change.difference.items()
        },
        "remark": change.remark,
    }


def _show(changes: "Iterable[Change]", limit: int) -> None:
    out, shown = console(), 0
    for shown, change in enumerate(changes, 1):  # noqa: B007
        event = change.event
        out.print(
            cell(f"{event.aggregate_type} {event.aggregate_id}, version {event.version}: {event.event_type}"),
            style="bold",
        )
        out.print(cell(f"  {_time(event.timestamp)} by {event.metadata.user_id or 'an unknown user'}"))
        cause = f", caused by {event.metadata.causation_id}" if event.metadata.causation_id else ""
        out.print(cell(f"  part of {event.metadata.correlation_id}{cause}, at position {event.position:,}"))
        for field, (before, after) in change.difference.items():
            out.print(cell(f"    {field}: {_value(before)} → {_value(after)}"))
        if change.remark:
            out.print(cell(f"    {change.remark}"))
        elif not change.difference:
            out.print("    no difference to the state")
    if not shown:
        console(stderr=True).print("Nothing found.")
    elif shown == limit:
        console(stderr=True).print("There may be older ones: raise --limit, or give --to.")


def _time(timestamp: datetime) -> str:
    return timestamp.isoformat(sep=" ", timespec="seconds")


def _value(value: object) -> str:
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
