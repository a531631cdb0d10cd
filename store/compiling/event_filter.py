"""Event filters: which events of a source a statement reads, as conditions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.store.compiling.column_types import Element
from acci.store.compiling.parameters import Placeholder

TEXTS = postgresql.ARRAY(sa.Text())
POSITIONS = postgresql.ARRAY(sa.BigInteger())
_TIMESTAMP = sa.DateTime(timezone=True)


def in_range(events: sa.FromClause) -> list[Element]:
    """The conditions for the events at positions in (after, upto], both parameters."""
    position = events.c.position
    return [position > Placeholder("after", sa.BigInteger()), position <= Placeholder("upto", sa.BigInteger())]


@dataclass(frozen=True)
class Selection:
    """Events at positions in (after, upto] but the skipped, that happened in [since, until); empty lists mean all."""

    after: int
    upto: int
    tenants: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    skipped: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()

    def conditions(self, source: sa.FromClause) -> list[Element]:
        """The conditions for these events in `source`; their values are in `parameters()`."""
        events, found = source.c, in_range(source)
        if self.tenants:
            found.append(events.tenant_id == sa.func.any(Placeholder("tenants", TEXTS)))
        if self.event_types:
            found.append(events.event_type == sa.func.any(Placeholder("event_types", TEXTS)))
        if self.since:
            found.append(events.timestamp >= Placeholder("since", _TIMESTAMP))
        if self.until:
            found.append(events.timestamp < Placeholder("until", _TIMESTAMP))
        if self.positions:
            found.append(events.position == sa.func.any(Placeholder("positions", POSITIONS)))
        if self.skipped:
            found.append(events.position != sa.func.all(Placeholder("skipped", POSITIONS)))
        return found

    def parameters(self) -> dict[str, Any]:
        """Every value by name; what PostgreSQL takes as an array is a list."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
