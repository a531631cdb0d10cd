"""Table definitions: how a generation's table was made, so that a change by hand is noticed and named.

Rows may be derived into it only if this and the rules are unchanged.
"""

from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.generations.fingerprints import Definition, RebuildNeeded, define
from acci.store.generations.generations import Generation
from acci.store.generations.tables import qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


class TableAltered(AcciError):
    """Somebody changed a read model's table; `changes` names what differs from its SQL file."""

    projection: str
    changes: tuple[str, ...]

    sentence = (
        "The table of {projection} was altered by hand: {changes:; }. Nothing was applied. "
        "Put it back, or put the change into its SQL file and run `acci run rebuild {projection}`."
    )


def record(connection: Connection, generation: Generation) -> None:
    """Note the table's shape as that of the generation. In the caller's transaction."""
    shape = shape_of(connection, generation.schema, generation.projection)
    parameters = {"generation": generation.generation, "shape": Jsonb(shape)}
    connection.execute(sql("generations/generations:set_table_definition"), parameters)


def alterations(connection: Connection, generation: Generation) -> tuple[str, ...]:
    """How the table differs from how it was made, each difference as a phrase."""
    made, now = made_as(connection, generation), shape_of(connection, generation.schema, generation.projection)
    return tuple(
        f"{part} {'was added' if part not in made else 'is gone' if part not in now else 'changed'}"
        for part in sorted(made.keys() | now.keys())
        if made.get(part) != now.get(part)
    )


def require_same_rules(generation: Generation, definition: Definition) -> None:
    """Refuse to mix rules: raises `RebuildNeeded` naming what changed since the generation was made."""
    if definition.fingerprint != generation.fingerprint:
        raise RebuildNeeded(generation.projection, definition.changes_from(generation.definition))


def require_unaltered(connection: Connection, generation: Generation) -> None:
    """Raises `TableAltered` if the table is not as it was made."""
    changes = alterations(connection, generation)
    if changes:
        raise TableAltered(generation.projection, changes)


def require_fit(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> None:
    """Raises `RebuildNeeded` or `TableAltered` if rows may not be derived into it."""
    require_same_rules(generation, define(catalogue, projection))
    require_unaltered(connection, generation)


def made_as(connection: Connection, generation: Generation) -> dict[str, str]:
    """The generation's table as it was made, part by part."""
    row = connection.execute(
        sql("generations/generations:table_definition"), {"generation": generation.generation}
    ).fetchone()
    made: dict[str, str] = row[0] if row else {}
    return made


def shape_of(connection: Connection, schema: str, name: str) -> dict[str, str]:
    """The table as it is now: columns, constraints, indexes and triggers by name, each with its definition."""
    table = qualified(connection, schema, name)
    return dict(connection.execute(sql("generations/table_definition"), {"table": table}).fetchall())
