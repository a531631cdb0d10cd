"""Lineage: from which fields of which events each column of a read model comes."""

from collections.abc import Iterator

from acci.domain.expressions.event_view import EventView
from acci.domain.expressions.tree import Call, Expression, Field
from acci.domain.projections import Projection


def sources(projection: type[Projection]) -> dict[str, tuple[str, ...]]:
    """Each column that a rule fills, with the fields that it comes from, such as `UserCreated.data.email`.

    Conditions count too; a value that comes from no field has its event alone. A fold in Python has none.
    """
    found: dict[str, dict[str, None]] = {}
    for rule in projection.rules:
        for action in projection.actions(rule, EventView(rule.event, lambda field: field)):
            named = {**action.key, **{name: fold.value for name, fold in action.columns.items()}}
            for column, value in named.items():
                event = rule.event.event_type()
                fields = [f"{event}.{'.'.join(field.path)}" for field in _fields(value)]
                found.setdefault(column, {}).update(dict.fromkeys(fields or [event]))
    return {column: tuple(sorted(fields)) for column, fields in found.items()}


def _fields(expression: Expression) -> Iterator[Field]:
    if isinstance(expression, Field):
        yield expression
    if isinstance(expression, Call):
        for argument in expression.arguments:
            yield from _fields(argument)
