"""`acci as-of`: a read model as it was."""

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, console, print_json, print_table
from acci.flows.cli.timestamp_options import AsOfOption, FormerMoment

if TYPE_CHECKING:
    from acci.domain.projections.reference import Row
    from acci.store.postgres.database import Database


def as_of(
    projection: Annotated[str, typer.Argument(help="The projection, such as user_view.")],
    position: Annotated[
        int | None, typer.Option(min=0, max=BIGINT, help="With the events up to this position.")
    ] = None,
    timestamp: AsOfOption = None,
    moment: FormerMoment = None,  # noqa: ARG001 refused, with the new name
    key: Annotated[
        list[str] | None, typer.Option(help="One row only: its key's columns in order, each as a --key.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's rows; else all, as an administrator.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=BIGINT, help="At most this many rows.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Show a read model as of a position or a point in time.

    Its rows are re-derived from the events.
    """
    from acci.flows.runtime.session import catalogue, reads
    from acci.store.generations.generations import NotBuilt
    from acci.store.postgres.session import Role
    from acci.store.postgres.tenants import enter
    from acci.store.reading.as_of import NotFinal, rows_as_of
    from acci.store.values.timestamps import parse_timestamp

    found = catalogue().projection(projection)
    if key is not None and len(key) != len(found.key):
        raise typer.BadParameter(f"the key is ({', '.join(found.key)}): give {len(found.key)} times --key.")
    then = None if timestamp is None else parse_timestamp(timestamp)
    keys = None if key is None else [key]
    role: Role = "read" if tenant else "administer"
    with reads(role, pooled=tenant is not None) as (source, registered):

        def derived(database: "Database") -> "list[Row]":
            with database.connection() as connection, ExitStack() as until:
                if tenant:
                    until.enter_context(connection.transaction())
                    enter(connection, tenant, local=True)
                with closing(rows_as_of(connection, registered, found, position, then, keys, limit)) as rows:
                    return list(rows)

        rows = source.read(derived, (NotBuilt, NotFinal))
    if json:
        print_json(rows)
        return
    if not rows:
        console(stderr=True).print("There was no such row.")
        return
    print_table(rows[0], (row.values() for row in rows))
