"""The end of a generation: rejected, retained for a rollback, discarded; and its table vacuumed."""

from contextlib import suppress

from psycopg import errors
from psycopg import sql as identifiers

from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.generations.live import BuildGone, while_there
from acci.store.postgres.database import Connection
from acci.store.postgres.lock_waits import users
from acci.store.postgres.statements import sql

LOCK_WAIT_MILLISECONDS = 100  # for readers to end; while it lasts, other readers queue behind it


def vacuum(connection: Connection, generation: Generation) -> None:
    """Set the visibility map of a new table (VACUUM), so that index-only scans work at once. Blocks nobody.

    Autovacuum would do it, but a minute later.
    """
    table = identifiers.Identifier(generation.schema, generation.projection)
    with suppress(BuildGone), while_there(connection, generation):
        connection.execute(identifiers.SQL("VACUUM {}").format(table))


def reject(connection: Connection, generation: Generation) -> None:
    """Mark it as never to be published. It is kept for inspection until the next rebuild begins, which replaces it."""
    connection.execute(
        sql("generations/generations:set_state"), {"generation": generation.generation, "state": "rejected"}
    )


def retain(connection: Connection, projection: str, kept: int) -> int:
    """Drop old generations but the newest `kept`; how many were dropped. Blocks nobody.

    One that a reader still queries is left for the next time.
    """
    dropped = 0
    for generation in generations.kept(connection, projection)[kept:]:
        try:
            discard(connection, generation)
        except errors.LockNotAvailable:
            continue
        dropped += 1
    return dropped


def discard(connection: Connection, generation: Generation) -> None:
    """Drop a generation that is not live, with its table. Atomic; waits only briefly for readers."""
    try:
        _discard(connection, generation)
    except errors.LockNotAvailable as error:
        if reading := users(connection.info, generation.schema):
            error.add_note(f"read by {reading}")
        raise


def _discard(connection: Connection, generation: Generation) -> None:
    with connection.transaction():
        connection.execute(
            sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)}
        )
        connection.execute(
            identifiers.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(identifiers.Identifier(generation.schema))
        )
        parameters = {"generation": generation.generation}
        connection.execute(sql("generations/partitions:remove"), parameters)
        connection.execute(sql("generations/generations:set_state"), parameters | {"state": "dropped"})
