"""Dropping: a generation that is not needed any more is removed, by its number."""

from acci.domain.errors import AcciError, UnknownNumber
from acci.store.generations import generations, lifecycle
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


class StillLive(AcciError):
    """The live generation is what readers see, and stays."""

    projection: str
    generation: int

    sentence = (
        "Generation {generation} of {projection} is live and cannot be dropped. Publish another first: "
        "`acci run rebuild {projection}`, or `acci run rollback {projection}`."
    )


def all_generations(connection: Connection) -> list[Generation]:
    """Those that are there, live or not, by projection."""
    return generations.several(connection.execute(sql("generations/generations:all")).fetchall())


def drop(connection: Connection, number: int) -> Generation:
    """Remove a generation: one in the making, one that the gate stopped, or one kept for a rollback.

    Atomic. Raises `UnknownNumber`, `StillLive`, and `Busy` while a rebuild or rollback of it is under way.
    """
    found = generations.one(connection, number)
    if found.state == "dropped":
        raise UnknownNumber("generation", number, tuple(each.generation for each in all_generations(connection)))
    with generations.exclusive_run(connection, found.projection, "rebuild"):
        found = generations.one(connection, number)
        if found.state == "live":
            raise StillLive(found.projection, number)
        lifecycle.discard(connection, found)
    return found
