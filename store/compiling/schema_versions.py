"""Whether an event's payload has a shape that today's code knows, as a condition in SQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from acci.domain.events import EventData
from acci.domain.upcasting import demands, oldest
from acci.store.compiling.column_types import Element
from acci.store.compiling.expressions import translate


def readable(classes: Sequence[type[EventData]], events: sa.FromClause) -> Element:
    """Whether an event of `classes` can be upcast to today's shape; if not, evaluating this fails with the reason.

    Of an event of today's schema version, only the version is tested.
    """
    known: dict[tuple[int, int], list[str]] = {}
    older: list[tuple[list[str], Element, list[Element]]] = []
    for event in classes:
        first, last = oldest(event), event.schema_version
        demanded = _demanded(event, events)
        if demanded:
            older.append((list(event.stored_names()), _version_in((first, last - 1), events), demanded))
            first = last
        known.setdefault((first, last), []).extend(event.stored_names())
    groups = [*((types, _version_in(span, events), []) for span, types in known.items()), *older]
    alone = len(groups) == 1 or len(classes) == 1
    # The type is tested first: the upcasters' conditions may fail for a payload of another type.
    conditions = [
        sa.and_(version, *([] if alone else [events.c.event_type.in_(types)]), *demanded)
        for types, version, demanded in groups
    ]
    unreadable = sa.func.acci.unreadable(events.c.position, events.c.schema_version, type_=sa.Boolean())
    return sa.or_(*conditions, unreadable)


def _demanded(event: type[EventData], events: sa.FromClause) -> list[Element]:
    """The conditions of the upcasters on an older payload; evaluating one that does not hold fails."""
    conditions: list[Element] = []
    for version in range(oldest(event), event.schema_version):
        met = [
            sa.or_(translate(demand.holds, events), _missing(demand.lacking, events))
            for demand in demands(event, version)
        ]
        if met:
            conditions.append(sa.or_(events.c.schema_version != version, sa.and_(*met)))
    return conditions


def _missing(what: str, events: sa.FromClause) -> Element:
    """A condition that has no value: evaluating it fails, with `what` in the error."""
    missing: Element = sa.func.acci.missing(events.c.position, sa.literal(what), type_=sa.Text()).is_not(None)
    return missing


def _version_in(span: tuple[int, int], events: sa.FromClause) -> Element:
    stored = events.c.schema_version
    return stored == span[0] if span[0] == span[1] else stored.between(*span)
