"""Swapping: readers move from one generation to another in one transaction, and see no gap.

Readers query a view in schema `read`; replacing it keeps its grants, the views upon it and prepared statements. The
wait for its lock is short and tried again, so that a long query delays the swap, not the other readers.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from psycopg import errors
from psycopg import sql as identifiers

from domain.errors import AcciError
from domain.projections import Projection
from store import high_water
from store.database import Connection
from store.lock_waits import users
from store.projecting import discards, generations
from store.projecting.appliers import applier_of
from store.projecting.batches import advance, apply_batch
from store.projecting.generations import Generation
from store.projecting.live import while_there
from store.projecting.tables import ReadModel, describe, qualified
from store.statements import sql

BATCH_WAIT_MILLISECONDS = 5_000  # for a batch under way; nobody queues behind that wait
LOCK_WAIT_MILLISECONDS = 100  # for readers to end; while it lasts, other readers queue behind it
PATIENCE_SECONDS = 60.0
NEAR = 10_000  # positions: what the last step may have to apply while it holds the lock


@dataclass(eq=False, repr=False)
class SwapBlocked(AcciError):
    """The view's lock could not be had in time; the live generation stays. Trying again may help."""

    transient: ClassVar[bool] = True

    projection: str
    seconds: float
    held: str = ""

    def __str__(self) -> str:
        by = f" or hold what the swap needs ({self.held})" if self.held else ""
        return (
            f"{self.projection} could not be swapped within {self.seconds:g} s: others are reading it{by}. "
            "The old generation is still live; run the same again to go on."
        )


@dataclass(eq=False, repr=False)
class ColumnsInUse(AcciError):
    """Readers' columns would go or change, and other views need them."""

    projection: str
    detail: str

    def __str__(self) -> str:
        return (
            f"{self.projection} cannot be swapped: its columns change and something depends on them ({self.detail}). "
            "Drop what depends on read." + self.projection + " or keep the old columns, and run the rebuild again."
        )


def publish(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    patience: float = PATIENCE_SECONDS,
    as_it_is: bool = False,
) -> Generation:
    """Make `generation` the live one; it has then applied all that the old one had, and no event twice.

    Catches up first until little is left, then applies the rest and swaps in one transaction; or swaps it `as_it_is`,
    however far it has come. Raises `SwapBlocked`, `ColumnsInUse` and `BuildGone`, the live generation untouched.
    """
    with while_there(connection, generation):
        return _publish(connection, projection, generation, patience, as_it_is)


def _publish(
    connection: Connection, projection: type[Projection], generation: Generation, patience: float, as_it_is: bool
) -> Generation:
    deadline = time.monotonic() + patience
    pause = 0.05
    while True:
        if not as_it_is:
            come_near(connection, projection, generation)
        fresh = generations.one(connection, generation.generation)
        if fresh.state == "live":
            return fresh  # an earlier try got through, and only its answer was lost
        try:
            _swap(connection, projection, fresh, as_it_is)
            return generations.one(connection, generation.generation)
        except errors.LockNotAvailable as error:
            if time.monotonic() > deadline:
                reading = users(connection.info, "read", projection.name)
                held = "; ".join(filter(None, (*getattr(error, "__notes__", ()), reading and f"read by {reading}")))
                raise SwapBlocked(projection.name, patience, held) from error
            time.sleep(pause)
            pause = min(pause * 2, 2.0)


def come_near(connection: Connection, projection: type[Projection], generation: Generation) -> Generation:
    """Catch the generation up, outside the swap's locks, until it is within `NEAR` positions of the mark."""
    while True:
        fresh = generations.one(connection, generation.generation)
        mark = high_water.establish(connection).position
        if mark - fresh.checkpoint <= NEAR:
            return fresh
        advance(connection, projection, fresh, mark)


def _swap(connection: Connection, projection: type[Projection], generation: Generation, as_it_is: bool) -> None:
    bound = high_water.establish(connection).position
    read_model = generation.read_model(connection)
    old = generations.live(connection, projection.name)
    both = [generation.generation] + ([old.generation] if old else [])
    with connection.transaction():
        connection.execute(sql("swapping/lock_timeout"), {"milliseconds": str(BATCH_WAIT_MILLISECONDS)})
        locked: dict[int, int] = dict(
            connection.execute(sql("generations/lock_for_swap"), {"generations": both}).fetchall()
        )
        if not as_it_is:
            reached = _draw_level(connection, projection, generation, locked, bound)
            discards.settle(connection, projection, generation, reached)
        if old is not None and old.generation != generation.generation:
            connection.execute(sql("generations/set_state"), {"generation": old.generation, "state": "kept"})
        connection.execute(sql("generations/set_state"), {"generation": generation.generation, "state": "live"})
        connection.execute(sql("swapping/lock_timeout"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)})
        point_view(connection, generation, read_model)


def _draw_level(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    checkpoints: dict[int, int],
    bound: int,
) -> int:
    """Readers never go back in time: the new generation ends at `bound` or where the old one did, if that is further.

    How far that is. An old one that is beyond the log was made of another log.
    """
    row = connection.execute(sql("events/head")).fetchone()
    head = row[0] if row else 0
    bound = max(bound, *(checkpoint for checkpoint in checkpoints.values() if checkpoint <= head))
    reached = checkpoints[generation.generation]
    if reached >= bound:
        return reached  # most often; the locks are held no longer for an applier that has nothing to do
    applier = applier_of(connection, projection, generation)
    while reached < bound:
        reached = apply_batch(connection, applier, generation, bound, bound - reached).checkpoint
    return reached


def point_view(connection: Connection, generation: Generation, read_model: ReadModel) -> None:
    """Show readers this generation's table under the stable name. In the caller's transaction.

    Of a table with a column tenant_id they see their tenant's rows; another one is for administrators, and for whoever
    was granted the view.
    """
    view = identifiers.Identifier("read", read_model.name)
    # Columns that readers know stay where they are, new ones come behind: PostgreSQL takes that for the same view.
    now = [column.name for column in read_model.columns]
    known = [column.name for column in describe(connection, "read", read_model.name).columns if column.name in now]
    names = known + [name for name in now if name not in known]
    replace = view_on(generation, read_model, view, names)
    belongings = connection.execute(
        sql("swapping/belongings"), {"view": qualified(connection, "read", read_model.name)}
    ).fetchall()
    try:
        with connection.transaction():
            connection.execute(replace)
            anew = False
    except errors.InvalidTableDefinition:
        # A column went, moved or changed its type: the view is made anew, with all that belonged to it.
        try:
            connection.execute(identifiers.SQL("DROP VIEW {}").format(view))
        except errors.DependentObjectsStillExist as error:
            raise ColumnsInUse(read_model.name, (error.diag.message_detail or "").split("\n")[0]) from error
        connection.execute(replace)
        anew = True
    for kept, column, statement in belongings:
        if (anew or not kept) and (column is None or column in names):
            connection.execute(statement.encode(), prepare=False)  # the catalog's own text, its names quoted
    if read_model.of_tenants:
        connection.execute(identifiers.SQL("GRANT SELECT ON {} TO acci_read").format(view))
    # Whoever made it: its owner is who projects, whom the table's policies do not concern.
    connection.execute(identifiers.SQL("ALTER VIEW {} OWNER TO acci_project").format(view))


def view_on(
    generation: Generation, read_model: ReadModel, view: identifiers.Identifier, names: Iterable[str]
) -> identifiers.Composed:
    """The statement that makes `view` show these columns of the generation's table, to whom it may."""
    definition = sql("swapping/view_of_tenants" if read_model.of_tenants else "swapping/view")
    return identifiers.SQL(definition).format(
        view=view,
        columns=identifiers.SQL(", ").join(map(identifiers.Identifier, names)),
        table=identifiers.Identifier(read_model.schema, read_model.name),
        generation=identifiers.Literal(generation.generation),
    )
