"""What the rules say about a range of events, as rows: one for each event, rule and key it touches.

An event's actions are spread over lanes, so that within a lane an event type has one action. One lane, the usual
case, is a plain filter on the events table, which PostgreSQL folds into the aggregation; several are a UNION ALL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from acci.domain.expressions.tree import Call, Constant, Expression, Field
from acci.domain.projections import Projection
from acci.domain.projections.rules import Action
from acci.store.compiling.expressions import EVENTS, ColumnType, Element, in_type_of, translate
from acci.store.compiling.schema_versions import readable
from acci.store.generations.tables import ReadModel

MAY_FAIL = ("+", "-", "*", "cast")
ORDER_BASE = 10**18  # positions below it have 19 digits with it added, so their text sorts as they do
Keep = Callable[[dict[str, Element], list[Element]], list[Element]]
Require = Callable[[list[Element], Element], list[Element]]


@dataclass(frozen=True)
class Placed:
    """An action with its place: the event types it answers, those of one class, and its lane."""

    event_types: tuple[str, ...]
    lane: int
    action: Action


def place(projection: type[Projection]) -> list[Placed]:
    """The projection's actions, in the order of an event's rules."""
    placed: list[Placed] = []
    for event in projection.events():
        actions = [action for rule in projection.rules if rule.event is event for action in rule.actions]
        placed += [Placed(event.stored_names(), lane, action) for lane, action in enumerate(actions)]
    return placed


class Actions:
    """The rows of actions as a FROM element with key columns, `acci_ord`, `acci_lane`, `acci_type` and values.

    A verb whose key has a NULL touches no row, so it is none of them.
    `narrow` says which events (a range of positions, a tenant); `keep` which keys (a partition, keys to re-derive),
    after the conditions it is given, which say that there is a key at all.
    With `require`, an event whose payload is of no shape that today's code knows cannot be applied: it is given the
    conditions on the key and the one that the event is readable, and says what all must hold.
    """

    def __init__(
        self,
        projection: type[Projection],
        read_model: ReadModel,
        values: dict[str, Callable[[Action], Element | None]],
        narrow: Callable[[], list[Element]],
        keep: Keep,
        require: Require | None = None,
    ) -> None:
        self.projection, self.read_model = projection, read_model
        self.placed = place(projection)
        self.lanes = 1 + max(placed.lane for placed in self.placed)
        self._values, self._narrow, self._keep, self._require = values, narrow, keep, require

    def rows(self, name: str = "actions") -> sa.Subquery:
        lanes = [self._lane(lane) for lane in range(self.lanes)]
        return (lanes[0] if len(lanes) == 1 else sa.union_all(*lanes)).subquery(name)

    def newest_first(self, few: bool, name: str = "actions", since: sa.FromClause | None = None) -> sa.Subquery:
        """The rows in falling order of `acci_ord`; of the keys in `since` only, from the place `start` that it gives.

        Values are computed where they are used, as in `rows`: the order is that of events as they are stored. They are
        read in it by position, or if they are `few` in their range, found by whatever index serves and then sorted.
        """
        order = _sorted if few or since is not None else _by_position
        lanes = [self._lane(lane, order, since) for lane in range(self.lanes)]
        if self.lanes == 1:
            return lanes[0].subquery(name)
        both = sa.union_all(*lanes).subquery("lanes")
        return sa.select(*both.c).order_by(both.c.acci_position.desc(), both.c.acci_lane.desc()).subquery(name)

    def does(self, rows: sa.FromClause, chosen: Callable[[Action], bool]) -> Element | None:
        """The condition that a row is one of the chosen actions: None if no action is, TRUE if every one is."""
        if all(chosen(placed.action) for placed in self.placed):
            return sa.true()
        by_lane: dict[int, list[str]] = {}
        for placed in self.placed:
            if chosen(placed.action):
                by_lane.setdefault(placed.lane, []).extend(placed.event_types)
        conditions: list[Element] = []
        for lane, event_types in by_lane.items():
            is_type = rows.c.acci_type.in_(event_types)
            conditions.append(is_type if self.lanes == 1 else sa.and_(rows.c.acci_lane == lane, is_type))
        return sa.or_(*conditions) if conditions else None

    def _lane(self, lane: int, ordered: "Ordered | None" = None, since: sa.FromClause | None = None) -> sa.Select[Any]:
        here = [placed for placed in self.placed if placed.lane == lane]
        types = _types(here)
        handled = EVENTS.c.event_type.in_(types)
        key = {
            name: self._by_type(here, self._type(name), lambda action, name=name: self._key_part(action, name))  # type: ignore[misc]
            for name in self.projection.key
        }
        position = EVENTS.c.position
        order = position * self.lanes + lane if self.lanes > 1 else position
        columns = [value.label(name) for name, value in key.items()]
        columns += [
            position.label("acci_position"),
            order.label("acci_ord"),
            sa.literal(lane).label("acci_lane"),
            EVENTS.c.event_type.label("acci_type"),
        ]
        columns += [self._by_type(here, self._type(name), value).label(name) for name, value in self._values.items()]
        events = [event for event in self.projection.events() if event.event_type() in types]
        kept = self._kept(handled, here, key)
        wanted = kept if self._require is None else self._require(kept, readable(events))
        conditions = [handled, *self._narrow(), *wanted]
        if ordered is None:
            return sa.select(*columns).where(*conditions)
        chosen = sa.select(*EVENTS.c).where(*conditions)
        if since is not None:
            alike = sa.and_(*(since.c[name] == value for name, value in key.items()))
            chosen = chosen.select_from(EVENTS.join(since, alike)).where(order >= since.c.start)
        return sa.select(*_reading(columns, ordered(chosen)))

    def _kept(self, handled: Element, here: list[Placed], key: dict[str, Element]) -> list[Element]:
        """The conditions on the key. A key that may be impossible to compute is so only for the events it is for."""
        conditions = self._keep(key, [self._is_there(here, name) for name in self._nullable(here)])
        if not conditions or all(_is_plain(part) for placed in here for part in placed.action.key.values()):
            return conditions
        return [sa.case((handled, sa.and_(*conditions)))]

    def _nullable(self, here: list[Placed]) -> list[str]:
        return [name for name in self.projection.key if any(placed.action.key[name].nullable for placed in here)]

    def _is_there(self, here: list[Placed], name: str) -> Element:
        """Whether the part of the key is not NULL; a part that cannot be NULL is not computed for that."""

        def said(action: Action) -> Element:
            return self._key_part(action, name).is_not(None) if action.key[name].nullable else sa.true()

        return self._by_type(here, sa.Boolean(), said)

    def _type(self, name: str) -> Any:
        column = self.read_model.column(name)
        return sa.Text() if column.is_character else ColumnType(column.type)

    def _key_part(self, action: Action, name: str) -> Element:
        return in_type_of(self.read_model.column(name), translate(action.key[name]))

    def _by_type(self, here: list[Placed], kind: Any, value: Callable[[Action], Element | None]) -> Element:
        """One expression for the lane: what `value` says of each event type's action, told apart only if need be."""
        by_text: dict[str, tuple[Element, list[Placed]]] = {}
        for placed in here:
            said = value(placed.action)
            if said is not None:
                text = str(said.compile(compile_kwargs={"literal_binds": True}))
                by_text.setdefault(text, (said, []))[1].append(placed)
        if not by_text:
            return sa.cast(sa.null(), kind)
        alone = len(by_text) == 1 and (self.lanes == 1 or len(next(iter(by_text.values()))[1]) == len(here))
        if alone:
            return next(iter(by_text.values()))[0]
        return sa.case(*((EVENTS.c.event_type.in_(_types(alike)), said) for said, alike in by_text.values()))


def _types(placed: list[Placed]) -> list[str]:
    return [name for each in placed for name in each.event_types]


Ordered = Callable[[sa.Select[Any]], sa.Subquery]


def _by_position(events: sa.Select[Any]) -> sa.Subquery:
    return events.order_by(EVENTS.c.position.desc()).subquery("chosen")


def _sorted(events: sa.Select[Any]) -> sa.Subquery:
    """OFFSET keeps PostgreSQL, which is told to avoid sorting, from reading the whole range for its order."""
    found = events.offset(0).subquery("found")
    return sa.select(*found.c).order_by(found.c.position.desc()).subquery("chosen")


def _reading(columns: list[Any], events: sa.FromClause) -> list[Any]:
    """The columns, computed from `events` instead of the log."""

    def instead(element: Any, **_: Any) -> Any:
        return events.c[element.name] if getattr(element, "table", None) is EVENTS else None

    return [visitors.replacement_traverse(column, {}, instead) for column in columns]


def _is_plain(part: Expression) -> bool:
    """Whether the value can be computed for every event of whatever type."""
    if isinstance(part, Call):
        return part.function not in MAY_FAIL and all(map(_is_plain, part.arguments))
    return isinstance(part, Constant) or (isinstance(part, Field) and part.path[0] not in ("data", "metadata"))
