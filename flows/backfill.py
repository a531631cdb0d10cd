"""The flow that re-derives a part of a live read model."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.progress import ProgressBar
from acci.flows.runtime.parameters import EventType, KeyOfRow, OneProjection, Tenant, Timestamp
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.run_names import backfill_run_name
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.backfill import CHUNK_SIZE
from acci.store.backfilling.chunks import Backfill
from acci.store.backfilling.selection import Choice
from acci.store.extras import needs
from acci.store.values.timestamps import parse_timestamp

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed

NO_KEY = "No event matches all conditions, so no key was chosen: check the tenants, keys, types and dates."


@step("choose keys of {projection}")
def begin(projection: str, choice: Choice, chunk_size: int) -> Backfill:
    """The backfill that an earlier run left unfinished, or a new one."""
    with session("backfill") as (connection, catalogue):
        backfill = backfilling.begin(connection, catalogue, catalogue.projection(projection), choice, chunk_size)
    get_run_logger().info(
        "%s: %s keys chosen, in chunks: %s, still to do: %s (backfill number %s)",
        projection, backfill.keys, len(backfill.chunks), len(backfill.missing), backfill.backfill,
    )  # fmt: skip
    return backfill


@step("re-derive {backfill.keys} keys of {backfill.projection}")
def run_chunks(backfill: Backfill, keys_a_second: int) -> Backfill:
    """Re-derive the chunks that are not done, one transaction each."""
    bar = ProgressBar(f"backfill {backfill.projection}", "keys")
    with session("backfill") as (connection, catalogue):
        projection = catalogue.projection(backfill.projection)
        done = backfilling.run_chunks(connection, catalogue, projection, backfill, keys_a_second, bar)
    bar.finish()
    return done


@flow(name="backfill", flow_run_name=backfill_run_name, timeout_seconds=allowed_seconds())
@refusing
def backfill(
    projection: Annotated[OneProjection, Field(title="Projection")],
    dry_run: Annotated[bool, Field(title="Dry run")] = True,
    tenants: Annotated[list[Tenant], Field(title="Tenants")] = [],  # noqa: B006 Prefect copies it
    keys: Annotated[list[KeyOfRow], Field(title="Keys")] = [],  # noqa: B006
    event_types: Annotated[list[EventType], Field(title="Event types")] = [],  # noqa: B006
    since: Annotated[Timestamp, Field(title="Since")] = "",
    until: Annotated[Timestamp, Field(title="Until")] = "",
    after_position: Annotated[int, Field(title="After position", ge=0)] = 0,
    up_to_position: Annotated[int, Field(title="Up to position", ge=0)] = 0,
    new_columns: Annotated[list[str], Field(title="New columns")] = [],  # noqa: B006
    chunk_size: Annotated[int, Field(title="Chunk size", ge=1, le=1_000_000)] = CHUNK_SIZE,
    keys_a_second: Annotated[int, Field(title="Keys a second", ge=0)] = 0,
) -> State[Any]:
    """Re-derive the chosen rows of a live read model, each from its whole history, while other runs go on.

    A key is chosen if an event matches everything given; with nothing given, all are. Each chunk of keys is one
    transaction; a run with the same choice resumes. Parked keys are left to retry-dead-letters.

    Args:
        projection: The name of the projection, such as user_view.
        dry_run: Only count the keys that would be re-derived; nothing is changed.
        tenants: Only keys affected by events of these tenants, such as acme.
        keys: Only these keys, each a list with a text for every key column, such as ["acme", "user-1"].
        event_types: Only keys affected by events of these types, such as UserUpdated.
        since: Only keys affected by events that happened at or after this time, such as 2026-01-31T00:00:00Z.
        until: Only keys affected by events that happened before this time.
        after_position: Only keys affected by events above this position of the log.
        up_to_position: Only keys affected by events up to this position; 0 for the checkpoint.
        new_columns: Columns that the table's SQL file and the rules have and the live table does not have yet.
        chunk_size: Keys in one transaction. Each chunk reads the log once, so small chunks take longer.
        keys_a_second: At most this many keys a second, to leave the database to other work; 0 for no limit.
    """
    choice = Choice(
        tuple(tenants),
        tuple(tuple(key) for key in keys),
        tuple(event_types),
        parse_timestamp(since) if since else None,
        parse_timestamp(until) if until else None,
        after_position,
        up_to_position or None,
        tuple(new_columns),
    )
    if dry_run:
        with session("backfill") as (connection, catalogue):
            count = backfilling.preview(connection, catalogue, catalogue.projection(projection), choice)
        if not count:
            return Completed(name="NothingToDo", message=NO_KEY)
        chunks = -(-count // chunk_size)
        return Completed(
            name="DryRun", message=f"{count:,} keys would be re-derived, in {chunks:,} chunks; nothing was changed."
        )
    begun = begin(projection, choice, chunk_size)
    return ended(run_chunks(begun, keys_a_second))


def ended(done: Backfill) -> State[Any]:
    """The run's state, and the table of chunks."""
    table = [vars(chunk) for chunk in done.chunks]
    about = f"Backfill {done.backfill} of {done.projection}, generation {done.generation}, chunk by chunk"
    create_table_artifact(key="backfill", table=table, description=about)
    failed = [chunk for chunk in done.chunks if chunk.state == "failed"]
    if failed:
        return Failed(
            message=f"{len(failed)} of {len(done.chunks)} chunks failed, the first with {failed[0].error}. "
            "Run the same again to go on with them."
        )
    if not done.keys:
        return Completed(name="NothingToDo", message=NO_KEY)
    return Completed(message=f"{done.projection}: {done.keys:,} keys were re-derived.")
