"""A read model's table: made from its SQL file in a generation's own schema, and described for the compiler."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql as identifiers

from acci.domain.errors import ProjectionError
from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import first_line, is_transient
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class ReadModel:
    """The table of one generation: `schema`.`name`, with its columns in order.

    `has_triggers`: a trigger or a rule of PostgreSQL may fill any of them.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    has_triggers: bool = False

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    @property
    def of_tenants(self) -> bool:
        """Whether each row belongs to a tenant, the only one to see it."""
        return any(column.name == "tenant_id" for column in self.columns)


@dataclass(frozen=True)
class Index:
    """An index, or a constraint that has one, and its definition to make it again."""

    name: str
    is_constraint: bool
    definition: str


def table_sql(catalogue: Catalogue, projection: type[Projection]) -> str:
    """The text of the read model's SQL file. Raises `ProjectionError` when there is none."""
    file: Path = catalogue.folders[projection.name] / "read_models" / f"{projection.name}.sql"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        reason = f"its table has no SQL file; write read_models/{file.name} in its context's SQL folder."
        raise ProjectionError(projection.__name__, reason) from error


def create(connection: Connection, projection: type[Projection], schema: str, text: str) -> ReadModel:
    """Make the schema and, from `text`, the table in it; checks that the rules fit. In the caller's transaction.

    Raises `ProjectionError`.
    """
    before = {"role": _was(connection, "generations/schemas:take_role")}
    connection.execute(sql("generations/schemas:create"), {"schema": schema})
    before["search_path"] = _was(connection, "generations/schemas:enter", schema=schema)
    try:
        connection.execute(text.encode(), prepare=False)
    except psycopg.Error as error:
        if is_transient(error) or isinstance(error, psycopg.OperationalError):
            raise  # not the file's fault
        reason = f"PostgreSQL refuses its SQL file: {first_line(error)}. Correct it and run the same again."
        raise ProjectionError(projection.__name__, reason) from error
    connection.execute(sql("generations/schemas:leave"), before)
    read_model = describe(connection, schema, projection.name)
    check(connection, projection, read_model)
    if read_model.of_tenants:
        connection.execute(sql("generations/tables:guard"), {"table": qualified(connection, schema, projection.name)})
    connection.execute(sql("generations/schemas:give_role_back"), before)
    return read_model


def _was(connection: Connection, statement: str, **arguments: str) -> str:
    """Run a statement that changes a setting; returns the value before."""
    row = connection.execute(sql(statement), arguments).fetchone()
    return str(row[0]) if row else ""


def describe(connection: Connection, schema: str, name: str) -> ReadModel:
    """The table as it is in the database."""
    table = {"table": qualified(connection, schema, name)}
    rows = connection.execute(sql("generations/columns:all"), table).fetchall()
    values = _evaluated(connection, {row[0]: (row[3], row[1]) for row in rows if row[3] is not None})
    passing = {row[0] for row in connection.execute(sql("generations/columns:filled_by_defaults"), table)}
    triggered = (connection.execute(sql("generations/tables:has_triggers"), table).fetchone() or (False,))[0]
    columns = tuple(
        Column(
            column, kind, category, values.get(column), generated, required and not triggered, same, column in passing
        )
        for column, kind, category, _, generated, required, same in rows
    )
    return ReadModel(schema, name, columns, triggered)


def qualified(connection: Connection, schema: str, name: str) -> str:
    return identifiers.Identifier(schema, name).as_string(connection)


def _evaluated(connection: Connection, defaults: dict[str, tuple[str, str]]) -> dict[str, str | None]:
    """What the columns' defaults, each with its column's type, give now. The texts are the catalog's own."""
    if not defaults:
        return {}
    each = (
        identifiers.SQL("({})::{}::text").format(identifiers.SQL(default), identifiers.SQL(kind))
        for default, kind in defaults.values()
    )
    row = connection.execute(identifiers.SQL("SELECT {}").format(identifiers.SQL(", ").join(each))).fetchone()
    return dict(zip(defaults, row or (), strict=True))


def check(connection: Connection, projection: type[Projection], read_model: ReadModel) -> None:
    """Whether the rules can fill the table. Raises `ProjectionError` with the way out."""
    subject = projection.__name__
    columns = {column.name: column for column in read_model.columns}
    if not columns:
        raise ProjectionError(subject, f"its SQL file makes no table {projection.name!r}.")
    _check_names(projection, columns)
    parameters = {"table": qualified(connection, read_model.schema, read_model.name)}
    _check_persistence(connection, subject, parameters)
    for (name,) in connection.execute(sql("generations/columns:volatile_defaults"), parameters):
        if name in projection.folds:
            reason = f"the default of column {name!r} changes by itself; have the rules give it, from the event."
            raise ProjectionError(subject, reason)
    for name, table in connection.execute(sql("generations/tables:references"), parameters):
        reason = (
            f"foreign key {name!r} of {table} points at it; its keys are built after its rows, and rows are made and "
            "unmade many at a time. Take that foreign key out of the SQL file."
        )
        raise ProjectionError(subject, reason)
    keys = {tuple(row[0]) for row in connection.execute(sql("generations/columns:unique_keys"), parameters)}
    if tuple(sorted(projection.key)) not in keys:
        listed = ", ".join(projection.key)
        raise ProjectionError(subject, f"its table needs PRIMARY KEY ({listed}), the projection's key.")
    unfit = [columns[name].unfit_as_key() for name in projection.key if projection.folds_in_python]
    for reason in filter(None, unfit):
        raise ProjectionError(subject, reason)
    for rule in projection.rules:
        for action in rule.actions:
            refused = [columns[name].refuses_as_key(value) for name, value in action.key.items()]
            refused += [columns[name].refuses(projection.folds[name], f.value) for name, f in action.columns.items()]
            for reason in filter(None, refused):
                raise ProjectionError(f"{subject}.{rule.name} on {rule.event.event_type()}", reason)


def _check_persistence(connection: Connection, subject: str, table: dict[str, str]) -> None:
    if connection.execute(sql("generations/tables:is_logged"), table).fetchone() == (False,):
        reason = "its table is UNLOGGED or temporary, so a crash would empty it behind its checkpoint; take that out."
        raise ProjectionError(subject, reason)


def _check_names(projection: type[Projection], columns: dict[str, Column]) -> None:
    subject = projection.__name__
    for name in (*projection.key, *projection.folds):
        if name not in columns:
            raise ProjectionError(subject, f"its table has no column {name!r}; add it to the SQL file.")
        if columns[name].generated:
            raise ProjectionError(subject, f"PostgreSQL generates column {name!r}; take it out of the rules.")
    given = columns if projection.folds_in_python else (*projection.key, *projection.folds)
    for name in given:
        if name.startswith("acci_"):
            raise ProjectionError(subject, f"a name such as {name!r} is ACCI's own; choose another.")


def indexes(connection: Connection, read_model: ReadModel) -> tuple[Index, ...]:
    """The table's indexes and indexed constraints, primary key first."""
    parameters = {"table": qualified(connection, read_model.schema, read_model.name)}
    return tuple(Index(*row) for row in connection.execute(sql("generations/tables:indexes"), parameters))


def drop_indexes(connection: Connection, read_model: ReadModel, dropped: tuple[Index, ...]) -> None:
    """Drop the indexes for loading; `build_indexes` makes them again."""
    for index in dropped:
        if index.is_constraint:
            command = identifiers.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                identifiers.Identifier(read_model.schema, read_model.name), identifiers.Identifier(index.name)
            )
        else:
            command = identifiers.SQL("DROP INDEX {}").format(identifiers.Identifier(read_model.schema, index.name))
        connection.execute(command)


def build_indexes(connection: Connection, read_model: ReadModel, dropped: tuple[Index, ...]) -> None:
    """Make those of `dropped` that are missing. Idempotent; in the caller's transaction."""
    present = {index.name for index in indexes(connection, read_model)}
    for index in dropped:
        if index.name in present:
            continue
        if index.is_constraint:
            prefix = identifiers.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(
                identifiers.Identifier(read_model.schema, read_model.name), identifiers.Identifier(index.name)
            )
            connection.execute(prefix.as_bytes(connection) + index.definition.encode())
        else:
            connection.execute(index.definition.encode())
