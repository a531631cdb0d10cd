"""Scope: which keys and events of a range a statement is for, as conditions whose values are parameters."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.store.compiling.column_types import Element, as_text
from acci.store.compiling.event_filter import POSITIONS
from acci.store.compiling.given_keys import is_given
from acci.store.compiling.parameters import Placeholder
from acci.store.generations.tables import ReadModel

_FALSE: Element = sa.cast(sa.literal("false"), sa.Boolean)
PARKED = sa.table("parked_keys", sa.column("generation"), sa.column("key"), schema="acci")


@dataclass(frozen=True)
class Scope:
    """Which keys and events of a range a statement is for. Each restriction takes parameters of its own.

    `partitioned`: the keys of one partition (`partition`, `partitions`).
    `skip_parked`: neither keys parked in `generation` nor the events at the positions `skipped`.
    `only_keys`: the given keys (`key_parameters`), without the events at the positions `skipped`.
    `few_events`: restricts nothing; the projection's events are few, so an index finds them sooner than a scan.
    """

    partitioned: bool = False
    skip_parked: bool = False
    only_keys: bool = False
    few_events: bool = False

    @property
    def may_skip(self) -> bool:
        """Whether some events are skipped; these may be unreadable."""
        return self.skip_parked or self.only_keys

    def of_key(
        self, key: dict[str, Element], not_null: list[Element], read_model: ReadModel, events: sa.FromClause
    ) -> list[Element]:
        """The conditions on `key`, computed from `events`; those that it is `not_null` come first."""
        conditions = list(not_null)
        if self.partitioned:
            conditions.append(in_partition(key))
        if self.skip_parked:
            conditions.append(_not_parked(key.values(), events))
        if self.only_keys:
            conditions.append(is_given(key, read_model, events))
        if not self.may_skip:
            return conditions
        # CASE, since nothing else keeps PostgreSQL from computing the key of a skipped event, which may be unreadable.
        skipped = events.c.position == sa.func.any(Placeholder("skipped", POSITIONS))
        return [sa.case((skipped, _FALSE), else_=sa.and_(*conditions))]

    def and_readable(self, of_key: list[Element], readable: Element) -> list[Element]:
        """The conditions on a key, and that the event is readable: a skipped one, or one of other keys, need not be."""
        if not self.may_skip:
            return [*of_key, readable]
        # CASE, since PostgreSQL tests first what is cheaper, and an unreadable event fails the whole statement.
        return [sa.case((sa.and_(*of_key), readable), else_=_FALSE)]


WHOLE_RANGE = Scope()


def not_parked(table: sa.FromClause, key: Iterable[str]) -> Element:
    """Whether a row of `table` has a key that is not parked in `generation`, a parameter."""
    return _not_parked((table.c[name] for name in key), table)


def row_in_partition(table: sa.FromClause, key: Iterable[str]) -> Element:
    """Whether a row of `table` is of the partition."""
    return in_partition({name: table.c[name] for name in key})


def in_partition(key: dict[str, Element]) -> Element:
    """Whether the key is of the partition: by a hash of its most selective column."""
    hashed_column = next(value for name, value in reversed(key.items()) if name != "tenant_id" or len(key) == 1)
    hashed = sa.func.hashtext(as_text(hashed_column)).op("&")(sa.literal(2**31 - 1))
    return hashed.self_group() % Placeholder("partitions", sa.Integer()) == Placeholder("partition", sa.Integer())


def _not_parked(key: Iterable[Element], of: sa.FromClause) -> Element:
    as_texts = postgresql.array([as_text(value) for value in key])
    here = PARKED.c.generation == Placeholder("generation", sa.BigInteger())
    return sa.not_(sa.exists().where(here, PARKED.c.key == as_texts).correlate(of))
