"""Generations: the builds of a read model; one is live, one may be in the making, older ones are kept."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

import psycopg
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError, UnknownNumber
from acci.domain.projections import Projection
from acci.store.generations.fingerprints import define
from acci.store.generations.tables import Index, ReadModel, create, describe, table_sql
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

Purpose = Literal["catch-up", "rebuild", "backfill", "rollback"]


class Busy(AcciError):
    """Another run has the projection for this purpose; nothing was done."""

    transient: ClassVar[bool] = False

    projection: str
    purpose: str

    sentence = "Another {purpose} of {projection} is under way; this one left it alone. Wait for it to end."


class NotBuilt(AcciError):
    """The projection has no live generation yet."""

    projection: str

    sentence = "{projection} has never been built. Run `acci run rebuild {projection}`."


class CheckpointBeyondLog(AcciError):
    """A read model is ahead of the events: the log was restored from an older backup, or is another one."""

    projection: str
    checkpoint: int
    head: int

    sentence = (
        "{projection} has applied events up to position {checkpoint}, but the log ends at {head}: "
        "it was restored from an older backup. Run `acci run rebuild {projection}`."
    )


@dataclass(frozen=True)
class Generation:
    """One build of a read model, as stored."""

    generation: int
    projection: str
    state: str
    fingerprint: str
    definition: dict[str, str]
    indexes: tuple[Index, ...]
    checkpoint: int
    created_at: datetime
    published_at: datetime | None
    kept_at: int | None = None  # of a kept generation: its checkpoint when it was retained

    @property
    def schema(self) -> str:
        """The schema that holds its table."""
        return f"generation_{self.generation}"

    @property
    def is_moved(self) -> bool:
        """Whether its checkpoint was moved by hand after it was retained."""
        return self.kept_at is not None and self.kept_at != self.checkpoint

    def read_model(self, connection: Connection) -> ReadModel:
        return describe(connection, self.schema, self.projection)


@dataclass(frozen=True)
class Partition:
    """A share of a generation's keys: `checkpoint` of `target` is how far it has come."""

    generation: int
    partition: int
    partitions: int
    checkpoint: int
    target: int

    @property
    def is_done(self) -> bool:
        return self.checkpoint >= self.target

    @property
    def ordinal(self) -> int:
        """Its number for display, from 1."""
        return self.partition + 1


def _generation(row: tuple[Any, ...] | None) -> Generation | None:
    if row is None:
        return None
    number, projection, state, fingerprint, definition, indexes, *rest = row
    return Generation(
        number, projection, state, fingerprint, definition, tuple(Index(**index) for index in indexes), *rest
    )


def several(rows: Iterable[tuple[Any, ...]]) -> list[Generation]:
    """The generations in these rows."""
    return [found for row in rows if (found := _generation(row))]


def live(connection: Connection, projection: str) -> Generation | None:
    """The generation that readers see; None before the first build."""
    return _generation(connection.execute(sql("generations/generations:live"), {"projection": projection}).fetchone())


def states(connection: Connection, projection: str | None = None) -> dict[int, str]:
    """The generations that there are, of one projection or of all, each with its state."""
    return dict(connection.execute(sql("generations/generations:states"), {"projection": projection}).fetchall())


def building(connection: Connection, projection: str) -> Generation | None:
    """The generation in the making, if any."""
    return _generation(
        connection.execute(sql("generations/generations:building"), {"projection": projection}).fetchone()
    )


def one(connection: Connection, number: int) -> Generation:
    """The generation of that number as it is now. Raises `UnknownNumber`."""
    found = _generation(connection.execute(sql("generations/generations:one"), {"generation": number}).fetchone())
    if found is None:
        raise UnknownNumber("generation", number, ())
    return found


def kept(connection: Connection, projection: str) -> tuple[Generation, ...]:
    """Those that were live once and can be put back, newest first."""
    rows = connection.execute(sql("generations/generations:kept"), {"projection": projection}).fetchall()
    return tuple(several(rows))


def rejected(connection: Connection, projection: str) -> tuple[Generation, ...]:
    """Those that the gate rejected and that are kept for inspection."""
    rows = connection.execute(sql("generations/generations:rejected"), {"projection": projection}).fetchall()
    return tuple(several(rows))


def partitions(connection: Connection, generation: Generation) -> tuple[Partition, ...]:
    rows = connection.execute(sql("generations/partitions:list"), {"generation": generation.generation})
    return tuple(Partition(*row) for row in rows)


def parked_keys(connection: Connection) -> dict[str, int]:
    """How many keys of each live generation wait behind dead letters, by projection."""
    return {name: keys for name, _, keys in connection.execute(sql("projecting/dead_letters:of_live")).fetchall()}


def begin(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> Generation:
    """Make a new, empty generation with its table; in the caller's transaction. Raises `ProjectionError`."""
    definition = define(catalogue, projection)
    row = connection.execute(
        sql("generations/generations:add"),
        {
            "projection": projection.name,
            "fingerprint": definition.fingerprint,
            "definition": Jsonb(definition.parts),
        },
    ).fetchone()
    generation = _generation(row)
    assert generation is not None, "INSERT … RETURNING gives a row"  # noqa: S101
    create(connection, projection, generation.schema, table_sql(catalogue, projection))
    return generation


@contextmanager
def exclusive_run(connection: Connection, projection: str, purpose: Purpose) -> Iterator[None]:
    """Inside, no other run has this projection for this purpose. Raises `Busy` at once if one has.

    By an advisory lock of the session, for convenience: what keeps a batch from being applied twice is the lock on its
    checkpoint.
    """
    parameters = {"purpose": purpose, "projection": projection}
    row = connection.execute(sql("generations/exclusive_run:acquire"), parameters).fetchone()
    if not row or not row[0]:
        raise Busy(projection, purpose)
    try:
        yield
    finally:
        # With a lost connection its session ended, and the lock with it.
        with suppress(psycopg.OperationalError):
            connection.execute(sql("generations/exclusive_run:release"), parameters)
