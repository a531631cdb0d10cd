"""Given keys: the rows that a statement is for, named by parameters.

The keys come as one list of text for each key column, see `parameters.key_parameters`.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.domain.expressions.tree import Field
from acci.domain.projections import Projection
from acci.store.compiling.column_types import Element, in_type_of
from acci.store.compiling.parameters import Placeholder, key_parameter
from acci.store.generations.tables import ReadModel

STREAM = (("tenant_id",), ("aggregate_id",))  # the fields that name a stream, beside its type


def is_given(key: Mapping[str, Element], read_model: ReadModel, of: sa.FromClause) -> Element:
    """Whether `key`, computed from rows of `of`, is one of the given keys."""
    given = _given(key)
    same = [in_type_of(read_model.by_name[name], given.c[name]) == value for name, value in key.items()]
    return sa.exists().where(*same).correlate(of)


def streams_of(projection: type[Projection], read_model: ReadModel) -> dict[str, str]:
    """Which part of a stream's name each key column has, if every row is of one stream; else an empty dict.

    Example: {"tenant_id": "tenant_id", "user_id": "aggregate_id"}.
    """
    streams: dict[str, str] = {}
    for action in (action for rule in projection.rules for action in rule.actions):
        for name, value in action.key.items():
            path = value.path if isinstance(value, Field) else ()
            if path not in STREAM or not read_model.by_name[name].is_character:
                return {}
            if streams.setdefault(name, path[0]) != path[0]:
                return {}
    return streams


def in_streams_of_given(projection: type[Projection], read_model: ReadModel, events: sa.FromClause) -> list[Element]:
    """The condition that an event is of a given key's stream, so that an index finds it; none without `streams_of`."""
    streams = streams_of(projection, read_model)
    if not streams:
        return []
    given = _given(streams)
    stream = (events.c[part] for part in streams.values())
    return [sa.tuple_(*stream).in_(sa.select(*(given.c[name] for name in streams)))]


def _given(key: Iterable[str]) -> sa.FromClause:
    """The given keys, a row each, their columns as text."""
    names = list(key)
    lists = [Placeholder(key_parameter(name), postgresql.ARRAY(sa.Text())) for name in names]
    columns = (sa.column(name, sa.Text()) for name in names)
    return sa.func.unnest(*lists).table_valued(*columns).render_derived("wanted")
