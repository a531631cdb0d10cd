"""Open backfills: those of new columns that have begun and not finished."""

from dataclasses import dataclass

from acci.store.generations import generations
from acci.store.generations.generations import Busy
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass(frozen=True)
class Unfinished:
    """A backfill of new columns that readers do not see yet: `missing` of its `chunks` are to be derived."""

    generation: int
    backfill: int
    columns: tuple[str, ...]
    missing: int
    chunks: int

    def __str__(self) -> str:
        return (
            f"backfill {self.backfill} of new column {', '.join(self.columns)} is not finished: "
            f"{self.missing} of {self.chunks} chunks are missing"
        )


def unfinished(connection: Connection) -> dict[int, Unfinished]:
    """The backfills of new columns that have not ended, under way or interrupted, by live generation."""
    rows = connection.execute(sql("generations/open_backfills")).fetchall()
    return {row[0]: Unfinished(row[0], row[1], tuple(row[2]), *row[3:]) for row in rows}


def interrupted(connection: Connection, generation: generations.Generation) -> Unfinished | None:
    """The generation's unfinished backfill of new columns, if no process works on it."""
    found = unfinished(connection).get(generation.generation)
    if found is not None:
        try:
            with generations.exclusive_run(connection, generation.projection, "backfill"):
                return found
        except Busy:
            return None
    return None
