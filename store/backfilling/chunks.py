"""The chunks of a backfill: shares of its keys, each re-derived in a transaction of its own."""

import time
from dataclasses import dataclass

from acci.store.backfilling.selection import Choice
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.ranges import Key
from acci.store.projecting.rederiving import rederive


@dataclass(frozen=True)
class Chunk:
    """A share of a backfill's keys: `state` is pending, done or failed; `seconds` is how long its lock was held."""

    chunk: int
    state: str
    size: int
    rows: int | None
    seconds: float | None
    error: str | None


@dataclass(frozen=True)
class Backfill:
    """A backfill as it stands."""

    backfill: int
    projection: str
    generation: int
    choice: Choice
    chunks: tuple[Chunk, ...]

    @property
    def keys(self) -> int:
        return sum(chunk.size for chunk in self.chunks)

    @property
    def missing(self) -> tuple[Chunk, ...]:
        return tuple(chunk for chunk in self.chunks if chunk.state != "done")


def rederive_chunk(live: LiveReadModel, backfill: Backfill, chunk: Chunk) -> int:
    """Re-derive one chunk's keys in a transaction, without those parked since it was cut; returns how many."""
    connection, which = live.connection, {"backfill": backfill.backfill, "chunk": chunk.chunk}
    with connection.transaction():
        checkpoint = live.lock()
        began = time.monotonic()
        row = connection.execute(sql("backfilling/chunks:lock"), which).fetchone()
        keys: list[Key] = row[0] if row else []  # none if it is done
        done = rederive(live, keys, checkpoint)
        if done.failed:
            error = f"{len(done.failed)} keys, the first {done.failed[0].key}: {done.failed[0].error}"
            connection.execute(sql("backfilling/chunks:failed"), which | {"error": error})
        else:
            took = time.monotonic() - began
            connection.execute(sql("backfilling/chunks:done"), which | {"rows": len(done.keys), "seconds": took})
        return len(done.keys)


def chunks_of(connection: Connection, backfill: int) -> tuple[Chunk, ...]:
    """The chunks of the backfill of that number, as they stand now, in order."""
    rows = connection.execute(sql("backfilling/chunks:list"), {"backfill": backfill}).fetchall()
    return tuple(Chunk(*row) for row in rows)
