"""The live view: what readers see under a read model's stable name, and pointing it at a generation."""

from collections.abc import Iterable

from psycopg import errors
from psycopg import sql as identifiers

from acci.domain.errors import AcciError
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel, describe, qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


class ColumnsInUse(AcciError):
    """Readers' columns would go or change, and other views need them."""

    projection: str
    detail: str

    sentence = (
        "{projection} cannot be swapped: its columns change and something depends on them ({detail}). "
        "Drop what depends on read.{projection} or keep the old columns, and run the rebuild again."
    )


def repoint_view(connection: Connection, generation: Generation, read_model: ReadModel) -> None:
    """Show readers this generation's table under the stable name. In the caller's transaction.

    Of a table with a column tenant_id they see their tenant's rows; another one is for administrators, and for any
    role that was granted the view.
    """
    view = identifiers.Identifier("read", read_model.name)
    # Known columns keep their places and new ones are appended: then CREATE OR REPLACE VIEW works.
    now = [column.name for column in read_model.columns]
    known = [column.name for column in describe(connection, "read", read_model.name).columns if column.name in now]
    names = known + [name for name in now if name not in known]
    replace = view_on(generation, read_model, view, names)
    belongings = connection.execute(
        sql("generations/view_properties"), {"view": qualified(connection, "read", read_model.name)}
    ).fetchall()
    try:
        with connection.transaction():
            connection.execute(replace)
            made_again = False
    except errors.InvalidTableDefinition:
        # A column was removed, moved or changed its type: drop and recreate the view, with its grants.
        try:
            connection.execute(identifiers.SQL("DROP VIEW {}").format(view))
        except errors.DependentObjectsStillExist as error:
            raise ColumnsInUse(read_model.name, (error.diag.message_detail or "").split("\n")[0]) from error
        connection.execute(replace)
        made_again = True
    for kept, column, statement in belongings:
        if (made_again or not kept) and (column is None or column in names):
            connection.execute(statement.encode(), prepare=False)  # the catalog's own text, its names quoted
    if read_model.of_tenants:
        connection.execute(identifiers.SQL("GRANT SELECT ON {} TO acci_read").format(view))
    # The owner is always acci_project, which the table's row-level security does not restrict.
    connection.execute(identifiers.SQL("ALTER VIEW {} OWNER TO acci_project").format(view))


def view_on(
    generation: Generation, read_model: ReadModel, view: identifiers.Identifier, names: Iterable[str]
) -> identifiers.Composed:
    """The statement that makes `view` show these columns of the generation's table, by tenant if it has one."""
    definition = sql("generations/view:create_of_tenants" if read_model.of_tenants else "generations/view:create")
    return identifiers.SQL(definition).format(
        view=view,
        columns=identifiers.SQL(", ").join(map(identifiers.Identifier, names)),
        table=identifiers.Identifier(read_model.schema, read_model.name),
        generation=identifiers.Literal(generation.generation),
    )
