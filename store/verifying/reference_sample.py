"""The reference sample: keys drawn by chance, derived again by the reference engine and compared with their rows.

Half of them are drawn from the table and half from the log, so that a row that is missing is found as well as one that
is wrong or too many.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql as identifiers

from acci.domain.events import by_stored_name
from acci.domain.projections import Projection
from acci.store.compiling.event_filter import Selection
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.affected_keys import (
    collect_affected_keys,
    collect_affecting_events,
    collect_keys,
    collected_keys,
)
from acci.store.projecting.compared_columns import Given, determined, nothing, of_rows
from acci.store.projecting.exclusions import Exclusions, StoredKey
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.rederiving import Failed
from acci.store.registry import Catalogue
from acci.store.verifying.reference_rows import ReferenceRows
from acci.store.verifying.table_diff import Comparison, compare_collected

MOST_EVENTS = 20_000  # that are derived again; keys with the longest histories are left out
DRAWN = 50  # events whose keys are in the sample


@dataclass(frozen=True)
class Sample:
    """The result of a sample: keys derived again, keys left out, and how their rows differ from what they must be.

    `failed` are the keys that could not be derived, with the reason. `given` says which columns a fold in Python gave.
    """

    keys: int
    left_out: int
    found: Comparison
    failed: tuple[Failed, ...] = ()
    given: Given = nothing


def check_sample(
    live: LiveReadModel, catalogue: Catalogue, exclusions: Exclusions, size: int, besides: Iterable[StoredKey] = ()
) -> Sample:
    """Compare about `size` rows, and those of the keys `besides`, with what the reference engine makes of their events.

    Parked keys are left out, and events that are skipped. In the caller's transaction.
    """
    connection, projection = live.connection, live.projection
    read_model, which = live.table(), live.applied(exclusions)
    drawn = {
        *besides,
        *_from_table(connection, projection, read_model, size),
        *_from_log(connection, projection, read_model, which),
    }
    keys = collect_keys(connection, drawn - exclusions.parked)
    collect_affecting_events(connection, projection, read_model, which)
    left_out = connection.execute(sql("verifying/reference_sample:leave_out"), {"budget": MOST_EVENTS}).rowcount
    rows, failed = ReferenceRows(connection, catalogue, projection, read_model).rows()
    for each in failed:
        connection.execute(sql("projecting/affected_keys:remove"), {"key": each.key})
    given = of_rows(rows)
    expected = _store(connection, determined(projection, read_model, given), rows)
    found = compare_collected(connection, projection, expected, read_model)
    return Sample(keys - left_out - len(failed), left_out, found, tuple(failed), given)


def _from_table(
    connection: Connection, projection: type[Projection], read_model: ReadModel, size: int
) -> Iterator[tuple[str, ...]]:
    key = identifiers.SQL(", ").join(
        identifiers.SQL("{}::text").format(identifiers.Identifier(k)) for k in projection.key
    )
    query = identifiers.SQL("SELECT ARRAY[{}] FROM {} ORDER BY random() LIMIT {}").format(
        key, identifiers.Identifier(read_model.schema, read_model.name), identifiers.Literal(size)
    )
    return (tuple(row[0]) for row in connection.execute(query).fetchall())


def _from_log(
    connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection
) -> set[tuple[str | None, ...]]:
    """The keys that some events affect."""
    types = list(by_stored_name(projection.events()))
    drawn = {"count": DRAWN, "upto": which.upto, "event_types": types}
    positions = tuple(
        row[0] for row in connection.execute(sql("verifying/reference_sample:positions"), drawn).fetchall()
    )
    if len(positions) < DRAWN / 2:  # there are few or none near the positions drawn
        positions = tuple(
            row[0] for row in connection.execute(sql("verifying/reference_sample:rare_positions"), drawn).fetchall()
        )
    if not positions:
        return set()
    collect_affected_keys(connection, projection, read_model, replace(which, positions=positions))
    return collected_keys(connection)


def _store(connection: Connection, read_model: ReadModel, rows: list[dict[str, Any]]) -> ReadModel:
    """Put the rows into a temporary table with these columns of the read model."""
    columns = read_model.columns
    names = identifiers.SQL(", ").join(identifiers.Identifier(column.name) for column in columns)
    table = identifiers.Identifier("pg_temp", "expected")
    create = identifiers.SQL("CREATE TEMPORARY TABLE expected ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    connection.execute(create.format(names, identifiers.Identifier(read_model.schema, read_model.name)))
    with connection.cursor().copy(identifiers.SQL("COPY {} ({}) FROM STDIN").format(table, names)) as copy:
        for row in rows:
            copy.write_row([row.get(column.name) for column in columns])
    return ReadModel("pg_temp", "expected", columns)
