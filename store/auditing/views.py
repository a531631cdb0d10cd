"""Views: whether readers see the live generations, and only their tenant's rows."""

from collections.abc import Iterator

from psycopg import sql as identifiers

from acci.store.auditing.checks import CheckContext, DoesNotFit
from acci.store.auditing.findings import Found, Severity
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.generations.tables import describe, qualified
from acci.store.generations.view import view_on
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


def check_views(context: CheckContext) -> Iterator[Found]:
    """Views in schema `read` that are gone, show another table, or filter its rows differently than a swap sets."""
    if context.scope.tenant_id is not None:
        raise DoesNotFit("views cannot be confined to a tenant.")
    for name in sorted(context.catalogue.projections):
        generation = generations.live(context.connection, name)
        if generation is not None and not _shows(context.connection, generation):
            problem = f"read.{name} does not show generation {generation.generation}, which is live, as it should."
            yield Found({"projection": name}, Severity.ERROR, problem, {"generation": str(generation.generation)})


def _shows(connection: Connection, generation: Generation) -> bool:
    """Whether the view is as it would be made now; new columns may be missing until their backfill is done."""
    name, read_model = generation.projection, generation.read_model(connection)
    names = [column.name for column in describe(connection, "read", name).columns]
    if not names or not {*names} <= {column.name for column in read_model.columns}:
        return False
    connection.execute(view_on(generation, read_model, identifiers.Identifier("pg_temp", name), names))
    views = {"there": qualified(connection, "read", name), "wanted": qualified(connection, "pg_temp", name)}
    row = connection.execute(sql("auditing/same_view"), views).fetchone()
    return row == (True,)
