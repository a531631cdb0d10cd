"""New columns: added to a live table without a rebuild, where nothing else of the projection changed.

The generation takes the new rules at once, so that batches fill the column from then on; a backfill derives what came
before; readers see the column when that is done.
"""

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.generations import table_definition
from acci.store.generations.fingerprints import changes_beside, define
from acci.store.generations.generations import Generation
from acci.store.generations.rule_order import require_not_older
from acci.store.generations.tables import create, table_sql
from acci.store.generations.view import repoint_view
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.live_read_model import lock
from acci.store.registry import Catalogue

LOCK_WAIT_MILLISECONDS = 500  # readers queue behind us


class NotOnlyNewColumns(AcciError):
    """More has changed than the new columns that were named; `changes` are phrases."""

    projection: str
    changes: tuple[str, ...]

    sentence = (
        "{projection} cannot get its new columns by a backfill: {changes:; }. Run `acci run rebuild {projection}`."
    )


def adopt(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    generation: Generation,
    columns: tuple[str, ...],
) -> None:
    """Add the columns to the live table and take the present rules; nothing to do if that was done before.

    In the caller's transaction, which holds up readers from here on. Raises `NotOnlyNewColumns`,
    `ProjectionError`, `OlderRules`.
    """
    now = define(catalogue, projection)
    if now.fingerprint == generation.fingerprint:
        return
    if others := changes_beside(catalogue, projection, generation.definition, columns):
        raise NotOnlyNewColumns(projection.name, others)
    require_not_older(connection, projection.name, now)
    wanted = _shape_to_be(connection, catalogue, projection, generation)
    there = table_definition.made_as(connection, generation)
    additions = {f"column {name}" for name in columns}
    changes = [f"{part} changes too" for part in sorted(wanted.keys() & there.keys()) if wanted[part] != there[part]]
    changes += [f"{part} goes" for part in sorted(there.keys() - wanted.keys())]
    changes += [f"{part} is new too" for part in sorted(wanted.keys() - there.keys() - additions)]
    changes += [f"its SQL file has no new {part}" for part in sorted(additions - (wanted.keys() - there.keys()))]
    if changes:
        raise NotOnlyNewColumns(projection.name, tuple(changes))
    lock(connection, generation)
    connection.execute(sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)})
    table = identifiers.Identifier(generation.schema, projection.name)
    for name in columns:
        # The definition is the catalog's own text of the owner's DDL.
        add = identifiers.SQL("ALTER TABLE {} ADD COLUMN {} ").format(table, identifiers.Identifier(name))
        connection.execute(add.as_bytes(connection) + wanted[f"column {name}"].encode())
    table_definition.record(connection, generation)
    taken = {"fingerprint": now.fingerprint, "definition": Jsonb(now.parts), "generation": generation.generation}
    connection.execute(sql("generations/generations:set_rules"), taken)


def show(connection: Connection, generation: Generation) -> None:
    """Let readers see the table's columns. In the caller's transaction."""
    connection.execute(sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)})
    repoint_view(connection, generation, generation.read_model(connection))


def _shape_to_be(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> dict[str, str]:
    """The shape of the table as its SQL file would make it now, spelled as if it were the generation's."""
    schema = f"plan_{projection.name}"
    with connection.transaction(force_rollback=True):
        create(connection, projection, schema, table_sql(catalogue, projection))
        shape = table_definition.shape_of(connection, schema, projection.name)
    return {part: text.replace(f"{schema}.", f"{generation.schema}.") for part, text in shape.items()}
