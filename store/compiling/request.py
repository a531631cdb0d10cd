"""A request: all that a statement is compiled from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from acci.domain.projections import Projection
from acci.store.compiling.column_types import Element
from acci.store.compiling.event_filter import Selection, in_range
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.given_keys import in_streams_of_given
from acci.store.compiling.scope import WHOLE_RANGE, Scope
from acci.store.generations.tables import ReadModel


@dataclass(frozen=True)
class Request:
    """What a statement is to do: apply the rules of `projection` to `events` for the rows of `read_model`.

    `scope`: which keys. `selection`: which events; without one, those in (after, upto], both parameters.
    `columns`: the columns whose values are needed, all unless given. `table_is_empty`: the table has no row with a key
    in scope yet. `check_readable`: an event whose payload no code of today can read makes the statement fail.
    """

    projection: type[Projection]
    read_model: ReadModel
    events: sa.FromClause = EVENTS
    scope: Scope = WHOLE_RANGE
    selection: Selection | None = None
    columns: tuple[str, ...] | None = None
    table_is_empty: bool = False
    check_readable: bool = True

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The columns whose values are needed, beside the key."""
        return tuple(self.projection.folds) if self.columns is None else self.columns

    @cached_property
    def table(self) -> sa.TableClause:
        """The read model's table."""
        return table_of(self.read_model)

    @cached_property
    def stored(self) -> sa.FromClause:
        """The table's rows as they are before."""
        return self.table.alias("stored")

    @property
    def reads_few(self) -> bool:
        """Whether the events are few in their range, so that finding and sorting them is cheaper than a scan."""
        return self.scope.few_events or self.scope.only_keys

    def of_events(self) -> list[Element]:
        """The conditions on events, their types apart."""
        found = in_range(self.events) if self.selection is None else self.selection.conditions(self.events)
        if self.scope.only_keys:
            found += in_streams_of_given(self.projection, self.read_model, self.events)
        return found

    def of_key(self, key: dict[str, Element], not_null: list[Element]) -> list[Element]:
        """The conditions on a key, see `Scope.of_key`."""
        return self.scope.of_key(key, not_null, self.read_model, self.events)


def table_of(read_model: ReadModel) -> sa.TableClause:
    """The read model's table, with its columns."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(column.name) for column in read_model.columns]
    return sa.table(read_model.name, *columns, schema=read_model.schema)
