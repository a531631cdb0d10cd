"""Selections: which events are meant, as conditions on the events table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.store.compiling.expressions import EVENTS, Element
from acci.store.compiling.merge import Placeholder

TEXTS = postgresql.ARRAY(sa.Text())
_POSITIONS = postgresql.ARRAY(sa.BigInteger())
_MOMENT = sa.DateTime(timezone=True)


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

    def conditions(self) -> list[Element]:
        """What holds for these events; values are in `parameters()`."""
        events = EVENTS.c
        found: list[Element] = [
            events.position > Placeholder("after", sa.BigInteger()),
            events.position <= Placeholder("upto", sa.BigInteger()),
        ]
        if self.tenants:
            found.append(events.tenant_id == sa.func.any(Placeholder("tenants", TEXTS)))
        if self.event_types:
            found.append(events.event_type == sa.func.any(Placeholder("event_types", TEXTS)))
        if self.since:
            found.append(events.timestamp >= Placeholder("since", _MOMENT))
        if self.until:
            found.append(events.timestamp < Placeholder("until", _MOMENT))
        if self.positions:
            found.append(events.position == sa.func.any(Placeholder("positions", _POSITIONS)))
        if self.skipped:
            found.append(events.position != sa.func.all(Placeholder("skipped", _POSITIONS)))
        return found

    def parameters(self) -> dict[str, Any]:
        """Every value by name; what PostgreSQL takes as an array is a list."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
