"""Whether the log goes on: positions, the high-water mark, event types, recent events."""

from collections.abc import Iterator

from acci.store.log import high_water
from acci.store.log.unknown_events import WHAT_TO_DO, count_unknown_events, listed
from acci.store.monitoring.checks.check import Bounds, Check, span
from acci.store.monitoring.metrics import STRIDE, count_events
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import SequenceBehind
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

COUNTED = 3  # strides that one check counts, of events that metrics have not counted yet


def sequence(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    """The next position is above all that are stored."""
    row = connection.execute(sql("monitoring/health:sequence")).fetchone()
    if row is None:
        yield Check("sequence", True, "This server is a standby: positions are given by its primary.")
    elif row[1] < row[0]:
        said = f"the sequence of positions is at {row[1]:,}, and position {row[0]:,} is taken or passed"
        yield Check("sequence", False, str(SequenceBehind(said)))
    else:
        yield Check("sequence", True, "Positions are given above all that are stored.")


def mark(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """The high-water mark moves."""
    mark = high_water.current(connection)
    if mark.standby:
        said = f"The high-water mark is at {mark.position:,} of {mark.head:,}, as its primary established it."
        yield Check("mark", True, said)
    elif mark.position > mark.head:
        said = (
            f"The high-water mark {mark.position:,} is beyond the log's head {mark.head:,}: the log was restored "
            "from an older backup. The next catch-up sets it right; rebuild what it refuses."
        )
        yield Check("mark", False, said)
    elif mark.behind > bounds.mark_seconds and mark.holders:
        holder = mark.holders[0]
        process = "" if holder.pid is None else f", process {holder.pid}"
        way_out = "end that transaction, or read models stay as they are."
        if holder.committed:
            way_out = (
                "it has committed, and no synchronous standby confirms it. Do not end it: bring a standby back, or "
                "take it out of synchronous_standby_names."
            )
        yield Check(
            "mark",
            False,
            f"The high-water mark has been held at {mark.position:,} for {span(mark.behind)} by {holder.who}{process} "
            f"({holder.state}): {way_out}",
        )
    elif mark.behind > bounds.mark_seconds:
        yield Check(
            "mark",
            False,
            f"The high-water mark has stood at {mark.position:,} for {span(mark.behind)} while the log went on to "
            f"{mark.head:,}: nothing runs that moves it. See whether the worker and the catch-up's schedule are on.",
        )
    else:
        yield Check("mark", True, f"The high-water mark is at {mark.position:,} of {mark.head:,}.")


def event_types(connection: Connection, catalogue: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    """Every event is of a class that is registered, or retired."""
    mark = high_water.current(connection)
    upto = min(mark.position, mark.head)
    if connection.info.parameter_status("in_hot_standby") != "on":
        count_events(connection, upto, COUNTED)
    found = count_unknown_events(connection, catalogue, upto, STRIDE)
    if found:
        said = f"Events of unknown types: {listed(found)}. Their aggregates refuse every command. {WHAT_TO_DO}"
        yield Check("event types", False, said)
    else:
        yield Check("event types", True, "Every event is of a registered class, or retired.")


def recent_events(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """Somebody appends, if the bounds ask for it."""
    if bounds.quiet_seconds is None:
        return
    row = connection.execute(sql("monitoring/health:last_event")).fetchone()
    if row is None:
        yield Check("recent events", False, "The log has no event at all.")
    else:
        recent = row[0] <= bounds.quiet_seconds
        more = "" if recent else ": no process appends events"
        yield Check("recent events", recent, f"The last event was recorded {span(row[0])} ago{more}.")
