"""The document: what the registered contexts promise to those who wrote, send and read, as plain data."""

import typing
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from acci.domain.aggregates import Aggregate
from acci.domain.commands import CommandData
from acci.domain.events import EventData
from acci.domain.expressions.tree import Call, Expression, Field
from acci.domain.expressions.values import json_of
from acci.domain.personal import personal_fields
from acci.domain.projections import Projection
from acci.domain.quality import Suite
from acci.domain.queries import Question
from acci.domain.reactions import OWN_EVENTS, Reaction
from acci.domain.upcasting import Upcaster
from acci.store.contract.lineage import sources
from acci.store.contract.shapes import Shape, accepted_shape, stored_shape
from acci.store.contract.tables import read_table
from acci.store.generations.fingerprints import define
from acci.store.generations.tables import table_sql
from acci.store.registry import Catalogue


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventPart(_Part):
    """An event: `shapes` has its payload by schema version, today's and those that were committed before."""

    context: str
    schema_version: int
    formerly: tuple[str, ...]
    subject: str | None
    personal: tuple[str, ...]
    upcasters: tuple[dict[str, Any], ...]
    shapes: dict[int, Shape]


class CommandPart(_Part):
    """A command: which aggregate decides on it, and to which events that leads, where the decision says so."""

    context: str
    aggregate: str
    aggregate_id_field: str
    leads_to: tuple[str, ...]
    shape: Shape


class ColumnPart(_Part):
    """A column as the SQL file spells it (None: only PostgreSQL knows), and where its values come from."""

    type: str | None
    nullable: bool
    clauses: str
    fold: str | None
    sources: tuple[str, ...]


class ReadModelPart(_Part):
    """A read model. `rest` is what its SQL file says beside columns; `parts` are digests of what it compiles to."""

    context: str
    key: tuple[str, ...]
    events: tuple[str, ...]
    folds_in_python: bool
    columns: dict[str, ColumnPart]
    rest: tuple[str, ...]
    parts: dict[str, str]


class QueryPart(_Part):
    """A query: the parameters that it accepts, and the shape of a row."""

    context: str
    one: bool
    parameters: Shape
    row: Shape


class ReactionPart(_Part):
    """A reaction: where the key of each event is that it handles (None: it is the aggregate's id), what it decides on.

    `stream` names its own streams. `refusals`: the commands whose refusal it decides on.
    """

    context: str
    stream: str
    stateful: bool
    events: dict[str, str | None]
    decides_on: tuple[str, ...]
    refusals: tuple[str, ...]


class Contract(_Part):
    """Everything, by name, in the order of names."""

    format: Literal[1] = 1
    events: dict[str, EventPart]
    retired: tuple[str, ...]
    commands: dict[str, CommandPart]
    read_models: dict[str, ReadModelPart]
    queries: dict[str, QueryPart]
    reactions: dict[str, ReactionPart] = {}
    suites: dict[str, tuple[str, ...]]


def contract_of(catalogue: Catalogue, committed: Contract | None = None) -> Contract:
    """The contract of today's code; shapes of older schema versions are those of the one that was committed.

    Raises `ProjectionError` where a read model has no SQL file.
    """
    context = _contexts(catalogue)
    return Contract(
        events={name: _event(each, context[each], committed) for name, each in sorted(catalogue.events.items())},
        retired=tuple(sorted(catalogue.retired)),
        commands={
            name: _command(aggregate, each, context[aggregate])
            for name, (aggregate, each) in sorted(catalogue.commands.items())
        },
        read_models={
            name: _read_model(catalogue, each, context[each]) for name, each in sorted(catalogue.projections.items())
        },
        queries={name: _query(each, context[each]) for name, each in sorted(catalogue.queries.items())},
        reactions={name: _reaction(each, context[each]) for name, each in sorted(catalogue.reactions.items())},
        suites={name: _suite(each) for name, each in sorted(catalogue.suites.items())},
    )


def _contexts(catalogue: Catalogue) -> dict[Any, str]:
    return {
        thing: context.name
        for context in catalogue.contexts
        for thing in (*context.events, *context.aggregates, *context.projections, *context.queries, *context.reactions)
    }


def _event(event: type[EventData], context: str, committed: Contract | None) -> EventPart:
    shapes: dict[int, Shape] = {}
    for name in reversed(event.stored_names()):
        if committed and name in committed.events:
            shapes |= committed.events[name].shapes
    older = {version: shape for version, shape in sorted(shapes.items()) if version < event.schema_version}
    return EventPart(
        context=context,
        schema_version=event.schema_version,
        formerly=event.stored_names()[1:],
        subject=event.subject,
        personal=personal_fields(event),
        upcasters=tuple(map(_upcaster, sorted(event.upcasters, key=lambda each: each.version))),
        shapes={**older, event.schema_version: stored_shape(event)},
    )


def _upcaster(step: Upcaster) -> dict[str, Any]:
    """The step's arguments that say something; an expression as its text."""
    return {field.name: _plain(value) for field in fields(step) if (value := getattr(step, field.name))}


def _plain(value: Any) -> Any:
    if isinstance(value, Expression):
        return _text(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, int | str) or value is None else json_of(value)


def _text(expression: Expression) -> str:
    """The expression as it would be written."""
    if isinstance(expression, Field):
        return ".".join(expression.path)
    if isinstance(expression, Call):
        return f"{expression.function}({', '.join([*map(_text, expression.arguments), *map(repr, expression.detail)])})"
    return repr(vars(expression).get("value"))


def _command(aggregate: type[Aggregate], command: type[CommandData], context: str) -> CommandPart:
    return CommandPart(
        context=context,
        aggregate=aggregate.aggregate_type(),
        aggregate_id_field=command.aggregate_id_field,
        leads_to=tuple(sorted({event.event_type() for event in _led_to(aggregate.decisions[command])})),
        shape=accepted_shape(command),
    )


def _led_to(decision: Callable[..., Any]) -> Iterator[type[EventData]]:
    """The events that the decision's annotation names."""
    try:
        open_ends = [typing.get_type_hints(decision).get("return")]
    except (NameError, TypeError):  # an annotation of names that are known to type checkers only
        return
    while open_ends:
        each = open_ends.pop()
        if isinstance(each, type) and issubclass(each, EventData) and each is not EventData:
            yield each
        open_ends += typing.get_args(each)


def _read_model(catalogue: Catalogue, projection: type[Projection], context: str) -> ReadModelPart:
    table = read_table(table_sql(catalogue, projection), projection.name, projection.key)
    found = sources(projection)
    ruled = (*projection.key, *(name for name in projection.folds if name not in projection.key))
    written = {each.name: each for each in table.columns}
    columns = {}
    for name in written or ruled:
        column, fold = written.get(name), projection.folds.get(name)
        columns[name] = ColumnPart(
            type=column.type if column else None,
            nullable=column.nullable if column else name not in projection.key,
            clauses=column.clauses if column else "",
            fold="key" if name in projection.key else str(fold) if fold else None,
            sources=found.get(name, ()),
        )
    return ReadModelPart(
        context=context,
        key=projection.key,
        events=tuple(sorted(event.event_type() for event in projection.events())),
        folds_in_python=projection.folds_in_python,
        columns=columns,
        rest=table.rest,
        parts=define(catalogue, projection).parts,
    )


def _query(query: type[Question[Any]], context: str) -> QueryPart:
    return QueryPart(context=context, one=query.one, parameters=accepted_shape(query), row=stored_shape(query.answer))


def _reaction(reaction: type[Reaction], context: str) -> ReactionPart:
    keys = {event.event_type(): field for event, field in reaction.keys.items()}
    handled = sorted(event.event_type() for event in reaction.handles() - set(OWN_EVENTS))
    return ReactionPart(
        context=context,
        stream=reaction.stream_type(),
        stateful=reaction.is_stateful(),
        events={name: keys.get(name) for name in handled},
        decides_on=tuple(sorted(reaction.rules)),
        refusals=tuple(sorted(reaction.refusals)),
    )


def _suite(suite: Suite) -> tuple[str, ...]:
    return tuple(map(str, suite.expectations))
