"""Whether read models are up to date, and readers see them."""

from collections.abc import Iterator

from acci.store.generations import generations
from acci.store.generations.table_definition import TableAltered, alterations
from acci.store.log import high_water
from acci.store.monitoring.checks.check import Bounds, Check, span
from acci.store.monitoring.status import read_projections
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


def lag(connection: Connection, catalogue: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """Each read model is kept up to date, and not far behind."""
    for each in read_projections(connection, catalogue, high_water.current(connection).head):
        name, behind = each.projection, f"{each.lag_events:,} events and {span(each.lag_seconds)} behind"
        if each.state == "live":
            within = each.lag_events <= bounds.lag_events and each.lag_seconds <= bounds.lag_seconds
            more = "" if within else ": see the last catch-up's run, or run `acci run catch-up`"
            yield Check("lag", within, f"{each.projection} is {behind}{more}.", name)
        else:
            said = f"{each.projection} is not kept up to date ({each.state}): run `{each.remedy}`."
            yield Check("lag", False, said, name)


def shown(connection: Connection, catalogue: Catalogue, _: Bounds) -> Iterator[Check]:
    """Each view shows its live table, which is as it was made."""
    names = {"names": [*catalogue.projections]}
    for name, shown in connection.execute(sql("monitoring/health:read_models"), names).fetchall():
        generation = generations.live(connection, name)
        altered = () if generation is None else alterations(connection, generation)
        if altered:
            yield Check("read model", False, str(TableAltered(name, altered)), name)
        elif shown:
            yield Check("read model", True, f"read.{name} shows the live table, which is as it was made.", name)
        else:
            said = f"read.{name} is gone or shows something else: run `acci run rebuild {name}`."
            yield Check("read model", False, said, name)


def dead_letters(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """Events could be applied."""
    found = [row for row in connection.execute(sql("projecting/dead_letters:of_live")).fetchall() if row[1]]
    many = sum(row[1] for row in found)
    if many > bounds.dead_letters:
        of = ", ".join(f"{letters:,} of {name} with {keys:,} keys parked" for name, letters, keys in found)
        yield Check(
            "dead letters", False, f"Events could not be applied: {of}. See `acci dead-letters list`; mend and retry."
        )
    else:
        yield Check("dead letters", True, f"{many:,} events could not be applied." if many else "There are none.")
