"""Planning: what a rebuild would read, cost and change, before anything is built. It changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from acci.domain.events import by_stored_name
from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.dependents import ColumnChanges, Dependent, broken, column_changes, dependents, grants
from acci.store.generations.fingerprints import define
from acci.store.generations.tables import ReadModel, create, qualified, table_sql
from acci.store.log import high_water
from acci.store.log.unknown_events import count_unknown_events
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.rebuilding.staleness import reasons
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class Estimate:
    """An estimate from past builds; None where nothing was measured. `basis` says which builds."""

    seconds: float | None
    bytes: int | None
    basis: str


@dataclass(frozen=True)
class Plan:
    """A rebuild as it would be.

    `reasons` say why it is needed (none: it is not). `resumes` is the generation of an interrupted rebuild that it
    would resume. `breaks` names the dependents that cannot live with the new columns: such a rebuild is refused.
    `unknown_events` are events of types that no registered class has, by type: such a rebuild is not published.
    """

    projection: str
    reasons: tuple[str, ...]
    live: int | None
    resumes: int | None
    positions: int
    events: dict[str, int]
    partitions: int
    estimate: Estimate
    live_bytes: int | None
    dependents: tuple[Dependent, ...]
    grants: tuple[tuple[str, str], ...]
    columns: ColumnChanges
    breaks: tuple[str, ...]
    unknown_events: dict[str, int]


@dataclass(frozen=True)
class Counts:
    """How many events there are of each type up to position `upto`, of a log that ends at `head`."""

    upto: int
    head: int
    by_type: dict[str, int]


def count_events(connection: Connection, projections: Iterable[type[Projection]]) -> Counts:
    """The events up to the mark that the projections handle, in one reading of the log."""
    mark = high_water.establish(connection)
    types = by_stored_name(event for projection in projections for event in projection.events())
    wanted = {"event_types": sorted(types), "upto": mark.position}
    return Counts(
        mark.position, mark.head, dict(connection.execute(sql("rebuilding/plan:events_by_type"), wanted).fetchall())
    )


def plan(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    partitions: int,
    counts: Counts | None = None,
) -> Plan:
    """The plan of rebuilding `projection` in this many partitions. Raises `ProjectionError` as the rebuild would.

    `counts` are those of this and other projections, if they were counted already.
    """
    counts = counts or count_events(connection, [projection])
    live = generations.live(connection, projection.name)
    building = generations.building(connection, projection.name)
    resumes = building is not None and building.fingerprint == define(catalogue, projection).fingerprint
    columns = column_changes(connection, _planned_table(connection, catalogue, projection))
    users = dependents(connection, projection.name)
    return Plan(
        projection.name,
        reasons(connection, catalogue, projection, counts.head),
        live.generation if live else None,
        building.generation if building and resumes else None,
        counts.upto,
        {
            each.event_type(): sum(counts.by_type.get(name, 0) for name in each.stored_names())
            for each in projection.events()
        },
        partitions,
        estimate(connection, projection.name, counts.upto, partitions),
        _size(connection, live) if live else None,
        users,
        grants(connection, projection.name),
        columns,
        broken(columns, users),
        count_unknown_events(connection, catalogue, counts.upto),
    )


def estimate(connection: Connection, projection: str, positions: int, partitions: int) -> Estimate:
    """Time and disk from this projection's last build, or from others'. A linear guess, no promise."""
    rows = connection.execute(sql("rebuilding/plan:past_builds"), {"projection": projection}).fetchall()
    if not rows:
        return Estimate(None, None, "nothing was built here yet")
    own = rows[0][0] == projection
    seconds, size = zip(*(_scaled(row, positions, partitions) for row in (rows[:1] if own else rows)), strict=True)
    basis = "its last build" if own else f"{len(rows)} builds of other projections"
    return Estimate(
        round(sum(seconds) / len(seconds), 1), int(sum(size) / len(size)) if own else None, f"measured in {basis}"
    )


def _scaled(row: tuple[str, int, int, int, int, float, float], positions: int, partitions: int) -> tuple[float, int]:
    """Seconds and bytes of a past build, brought to this many positions and partitions."""
    _, then_partitions, then_positions, _, size, fill, finish = row
    growth = positions / then_positions
    return (fill * then_partitions / partitions + finish) * growth, int(size * growth)


def _planned_table(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> ReadModel:
    """The table as its SQL file would make it now; made, and rolled back."""
    with connection.transaction(force_rollback=True):
        return create(connection, projection, f"plan_{projection.name}", table_sql(catalogue, projection))


def _size(connection: Connection, generation: generations.Generation) -> int:
    table = qualified(connection, generation.schema, generation.projection)
    row = connection.execute(sql("rebuilding/plan:table_size"), {"table": table}).fetchone()
    return int(row[0] or 0) if row else 0
