"""Fields of events in SQL: a column of the event source, or a value within its JSON."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.stored_fields import read_json
from acci.domain.expressions.tree import Field, Shape
from acci.domain.expressions.values import json_text, parse
from acci.store.compiling.column_types import Element, within_calendar

JSON_NULL = sa.cast(sa.literal("null"), postgresql.JSONB)


def field_value(field: Field, events: sa.FromClause) -> Element:
    """The field's value, of its kind's type. An event that lacks a required field makes the statement fail."""
    column: Element = events.c[field.path[0]]
    if field.path[0] not in ("data", "metadata"):
        return sa.cast(column, sa.BigInteger) if field.path[0] == "version" else column
    if len(field.path) == 1:
        return column
    within = [column]
    for name in field.path[1:-1]:
        within.append(_part(within[-1], name))
    last = field.path[-1]
    found = _part(within[-1], last, "->" if field.kind is Kind.JSON else "->>")
    if field.kind is Kind.JSON:
        found = sa.func.nullif(found, JSON_NULL, type_=postgresql.JSONB())
    # Missing values are rare. The reason is computed only for them, so a present value costs nothing extra.
    instead = _instead(field, within, events)
    if instead is not None:
        found = sa.func.coalesce(found, instead, type_=found.type)
    return found if field.kind is Kind.TEXT else within_calendar(field.kind, found)


def json_type_at(shape: Shape, events: sa.FromClause) -> Element:
    """The JSON type at the path: 'object', 'string', ...; NULL where nothing is."""
    return sa.func.jsonb_typeof(json_at(shape, events), type_=sa.Text())


def json_at(shape: Shape, events: sa.FromClause) -> Element:
    """The JSON at the path; NULL where nothing is."""
    found: Element = events.c[shape.path[0]]
    for name in shape.path[1:]:
        found = _part(found, name)
    return found


def _part(whole: Element, name: str, operator: str = "->") -> Element:
    kind = postgresql.JSONB() if operator == "->" else sa.Text()
    return whole.op(operator, return_type=kind)(sa.literal(name))


def _instead(field: Field, within: list[Element], events: sa.FromClause) -> Element | None:
    """What is used where the field's value is NULL: a default, or a call that fails; None for NULL itself.

    `within` has the objects that lead to the field: `data` and `data.address` for `data.address.city`.
    """
    named = sa.literal(".".join(field.path))
    missing: Element = sa.func.acci.missing(events.c.position, named, type_=sa.Text())
    if field.kind is Kind.JSON:
        missing = sa.cast(missing, postgresql.JSONB)
    if not field.steps:
        return None if field.nullable else missing
    instead: Element | None = None
    for place, (name, step) in reversed(list(enumerate(zip(field.path[1:], field.steps, strict=True)))):
        absent = _default(field, place, missing)
        null = None if step.optional else missing
        inner = instead if place < len(field.steps) - 1 else null
        if absent is null and null is inner:
            instead = inner
            continue
        whens: list[tuple[Element, Element]] = [
            (sa.not_(within[place].op("?", return_type=sa.Boolean())(sa.literal(name))), _or_null(absent))
        ]
        if null is not inner:
            whens.append((_part(within[place], name) == JSON_NULL, _or_null(null)))
        instead = sa.case(*whens, else_=_or_null(inner))
    return instead


def _default(field: Field, place: int, missing: Element) -> Element | None:
    """The field's value in a payload that lacks the name at `place` of the field's path."""
    step = field.steps[place]
    if step.default is None:
        return missing
    default = parse(step.default)
    if default is None:
        return None
    try:
        below = Field(Kind.JSON, field.nullable, ("", *field.path[place + 2 :]), field.steps[place + 1 :])
        value = read_json(below, default)
    except ValueError:
        return missing
    if value is None:
        return None
    if field.kind is Kind.JSON:
        return sa.cast(sa.literal(json_text(value)), postgresql.JSONB)
    return sa.literal(value if isinstance(value, str) else json_text(value), sa.Text)


def _or_null(value: Element | None) -> Element:
    return sa.null() if value is None else value
