"""Which aggregate a person means, by its id alone where that is enough."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from acci.domain.events import StreamId
    from acci.store.postgres.database import Database
    from acci.store.registry import Catalogue

TypeOption = Annotated[
    str | None, typer.Option("--type", help="The aggregate's type, such as User; needed if several types have this id.")
]


def stream_meant(
    database: "Database", catalogue: "Catalogue", tenant_id: str, aggregate_id: str, aggregate_type: str | None
) -> "StreamId | None":
    """The stream; None if nothing has this id. Raises `UnknownName` for a type that neither code nor log knows."""
    from acci.domain.errors import UnknownName
    from acci.domain.events import StreamId
    from acci.store.aggregates.history import types_of

    types = types_of(database, tenant_id, aggregate_id)
    if aggregate_type:
        if aggregate_type not in types and aggregate_type not in catalogue.aggregates:
            raise UnknownName("aggregate", aggregate_type, tuple({*types, *catalogue.aggregates}))
        types = (aggregate_type,)
    if len(types) > 1:
        raise typer.BadParameter(f"say which --type of aggregate {aggregate_id!r} is meant: {', '.join(types)}.")
    return StreamId(tenant_id, types[0], aggregate_id) if types else None
