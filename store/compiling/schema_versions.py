"""Whether an event's payload is of a shape that today's code knows, as a condition in SQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from acci.domain.events import EventData
from acci.domain.upcasting import demands, oldest
from acci.store.compiling.expressions import EVENTS, Element, translate


def readable(events: Sequence[type[EventData]]) -> Element:
    """Whether the event, which is one of these, can be brought to today's shape; else evaluating it fails, saying why.

    Of an event of today's schema version no more is asked than which version it has.
    """
    known: dict[tuple[int, int], list[str]] = {}
    older: list[tuple[list[str], Element, list[Element]]] = []
    for event in events:
        first, last = oldest(event), event.schema_version
        demanded = _demanded(event)
        if demanded:
            older.append((list(event.stored_names()), _within((first, last - 1)), demanded))
            first = last
        known.setdefault((first, last), []).extend(event.stored_names())
    groups = [*((types, _within(span), []) for span, types in known.items()), *older]
    alone = len(groups) == 1 or len(events) == 1
    # The type before what is demanded, which may fail for another's payload.
    conditions = [
        sa.and_(version, *([] if alone else [EVENTS.c.event_type.in_(types)]), *demanded)
        for types, version, demanded in groups
    ]
    unreadable = sa.func.acci.unreadable(EVENTS.c.position, EVENTS.c.schema_version, type_=sa.Boolean())
    return sa.or_(*conditions, unreadable)


def _demanded(event: type[EventData]) -> list[Element]:
    """The conditions that an older payload meets what its upcasters demand; evaluating one that it does not fails."""
    conditions: list[Element] = []
    for version in range(oldest(event), event.schema_version):
        met = [sa.or_(translate(demand.holds), _missing(demand.lacking)) for demand in demands(event, version)]
        if met:
            conditions.append(sa.or_(EVENTS.c.schema_version != version, sa.and_(*met)))
    return conditions


def _missing(what: str) -> Element:
    """Has no value: where it is evaluated, it fails."""
    missing: Element = sa.func.acci.missing(EVENTS.c.position, sa.literal(what), type_=sa.Text()).is_not(None)
    return missing


def _within(span: tuple[int, int]) -> Element:
    stored = EVENTS.c.schema_version
    return stored == span[0] if span[0] == span[1] else stored.between(*span)
