"""Actions: what the rules do with a range of events, as rows: one for each event, rule and key that it changes.

A row has the key's columns, `acci_position`, `acci_ord` (the order of actions), `acci_lane`, `acci_type` and the values
of the columns. One lane (see `placement`), the usual case, is a plain filter on the events, which PostgreSQL folds into
the aggregation; several are a UNION ALL. An action whose key has a NULL changes no row and is left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from acci.domain.expressions.tree import Call, Constant, Expression, Field
from acci.domain.projections.rules import Action
from acci.store.compiling.column_types import ColumnType, Element, in_type_of
from acci.store.compiling.column_values import values_of
from acci.store.compiling.expressions import translate
from acci.store.compiling.placement import Placed, place, types_of
from acci.store.compiling.request import Request
from acci.store.compiling.schema_versions import readable

MAY_FAIL = ("+", "-", "*", "cast")


class Actions:
    """The actions of a request, as SELECTs of their rows."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.placed = place(request.projection)
        self.lanes = 1 + max(placed.lane for placed in self.placed)

    def rows(self, name: str = "actions") -> sa.Subquery:
        """The rows, unordered."""
        lanes = [self._lane(lane) for lane in range(self.lanes)]
        return (lanes[0] if len(lanes) == 1 else sa.union_all(*lanes)).subquery(name)

    def newest_first(self, name: str = "actions", since: sa.FromClause | None = None) -> sa.Subquery:
        """The rows in falling order of `acci_ord`; with `since`, only those of its keys, from each key's `start` on.

        The order is that of events as they are stored; values are computed where they are used, as in `rows`. Events
        are read backwards by position, or, if they are few in their range, found by any index and then sorted.
        """
        lanes = [self._ordered_lane(lane, since) for lane in range(self.lanes)]
        if self.lanes == 1:
            return lanes[0].subquery(name)
        both = sa.union_all(*lanes).subquery("lanes")
        return sa.select(*both.c).order_by(both.c.acci_position.desc(), both.c.acci_lane.desc()).subquery(name)

    def is_one_of(self, rows: sa.FromClause, wanted: Sequence[Placed]) -> Element | None:
        """Whether a row is of one of the `wanted` actions; None if none is wanted, TRUE if all are."""
        if len(wanted) == len(self.placed):
            return sa.true()
        by_lane: dict[int, list[str]] = {}
        for placed in wanted:
            by_lane.setdefault(placed.lane, []).extend(placed.event_types)
        conditions: list[Element] = []
        for lane, event_types in by_lane.items():
            is_type = rows.c.acci_type.in_(event_types)
            conditions.append(is_type if self.lanes == 1 else sa.and_(rows.c.acci_lane == lane, is_type))
        return sa.or_(*conditions) if conditions else None

    def position(self, rows: sa.FromClause) -> Element:
        """The position of a row's event, from its `acci_ord`."""
        return sa.cast(rows.c.acci_ord.op("/")(self.lanes), sa.BigInteger)

    def _lane(self, lane: int) -> sa.Select[Any]:
        here, events = self._placed_in(lane), self.request.events
        return sa.select(*self._columns(here, lane, events)).where(*self._conditions(here))

    def _ordered_lane(self, lane: int, since: sa.FromClause | None) -> sa.Select[Any]:
        here, events = self._placed_in(lane), self.request.events
        chosen = sa.select(*events.c).where(*self._conditions(here))
        if since is not None:
            same_key = sa.and_(*(since.c[name] == value for name, value in self._key(here, events).items()))
            chosen = chosen.select_from(events.join(since, same_key)).where(self._order(lane, events) >= since.c.start)
        if self.request.reads_few or since is not None:
            # OFFSET keeps PostgreSQL, which is set to avoid sorting, from reading the whole range for its order.
            found = chosen.offset(0).subquery("found")
            ordered = sa.select(*found.c).order_by(found.c.position.desc()).subquery("chosen")
        else:
            ordered = chosen.order_by(events.c.position.desc()).subquery("chosen")
        return sa.select(*self._columns(here, lane, ordered))

    def _placed_in(self, lane: int) -> list[Placed]:
        return [placed for placed in self.placed if placed.lane == lane]

    def _order(self, lane: int, events: sa.FromClause) -> Element:
        position: Element = events.c.position
        return position * self.lanes + lane if self.lanes > 1 else position

    def _columns(self, here: list[Placed], lane: int, events: sa.FromClause) -> list[Any]:
        """The columns of a lane's rows, computed from `events`."""
        request = self.request
        columns: list[Any] = [value.label(name) for name, value in self._key(here, events).items()]
        columns += [
            events.c.position.label("acci_position"),
            self._order(lane, events).label("acci_ord"),
            sa.literal(lane).label("acci_lane"),
            events.c.event_type.label("acci_type"),
        ]
        for name in request.values:
            given = values_of(request.projection, request.read_model, here, name, events)
            columns.append(self._by_type(given, self._type(name), events).label(name))
        return columns

    def _conditions(self, here: list[Placed]) -> list[Element]:
        """Which events have a row in the lane."""
        request, types = self.request, types_of(here)
        handled = request.events.c.event_type.in_(types)
        wanted = self._of_key(handled, here)
        if request.check_readable:
            classes = [event for event in request.projection.events() if event.event_type() in types]
            wanted = request.scope.and_readable(wanted, readable(classes, request.events))
        return [handled, *request.of_events(), *wanted]

    def _of_key(self, handled: Element, here: list[Placed]) -> list[Element]:
        """The conditions on the key; if computing the key may fail, it is computed for the handled events only."""
        events = self.request.events
        conditions = self.request.of_key(self._key(here, events), self._not_null(here, events))
        if not conditions or all(_never_fails(part) for placed in here for part in placed.action.key.values()):
            return conditions
        return [sa.case((handled, sa.and_(*conditions)))]

    def _not_null(self, here: list[Placed], events: sa.FromClause) -> list[Element]:
        """That each part of the key is not NULL; a part that never is NULL is not computed for that."""
        conditions = []
        for name in self.request.projection.key:
            if any(placed.action.key[name].nullable for placed in here):
                given = (
                    self._key_part(placed.action, name, events).is_not(None)
                    if placed.action.key[name].nullable
                    else sa.true()
                    for placed in here
                )
                conditions.append(self._by_type(zip(here, given, strict=True), sa.Boolean(), events))
        return conditions

    def _key(self, here: list[Placed], events: sa.FromClause) -> dict[str, Element]:
        key = {}
        for name in self.request.projection.key:
            given = (self._key_part(placed.action, name, events) for placed in here)
            key[name] = self._by_type(zip(here, given, strict=True), self._type(name), events)
        return key

    def _key_part(self, action: Action, name: str, events: sa.FromClause) -> Element:
        return in_type_of(self.request.read_model.by_name[name], translate(action.key[name], events))

    def _type(self, name: str) -> Any:
        column = self.request.read_model.by_name[name]
        return sa.Text() if column.is_character else ColumnType(column.type)

    def _by_type(self, given: Iterable[tuple[Placed, Element | None]], kind: Any, events: sa.FromClause) -> Element:
        """One expression for a lane: a CASE over the event type, or the expression itself if all give the same."""
        by_text: dict[str, tuple[Element, list[Placed]]] = {}
        number = 0
        for placed, value in given:
            number += 1
            if value is not None:
                text = str(value.compile(compile_kwargs={"literal_binds": True}))
                by_text.setdefault(text, (value, []))[1].append(placed)
        if not by_text:
            return sa.cast(sa.null(), kind)
        alone = len(by_text) == 1 and (self.lanes == 1 or len(next(iter(by_text.values()))[1]) == number)
        if alone:
            return next(iter(by_text.values()))[0]
        return sa.case(*((events.c.event_type.in_(types_of(group)), value) for value, group in by_text.values()))


def _never_fails(part: Expression) -> bool:
    """Whether the value can be computed for every event of any type."""
    if isinstance(part, Call):
        return part.function not in MAY_FAIL and all(map(_never_fails, part.arguments))
    return isinstance(part, Constant) or (isinstance(part, Field) and part.path[0] not in ("data", "metadata"))
