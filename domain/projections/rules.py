"""Projections: the rules that fill a read model, declared event by event and checked when they are defined."""

import dis
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CodeType
from typing import Any, ClassVar, TypeVar

from acci.domain.errors import DefinitionError, ProjectionError
from acci.domain.events import EventData, unnamed_subclasses
from acci.domain.expressions.event_view import EventView
from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.symbols import refuse
from acci.domain.expressions.tree import Expression
from acci.domain.projections.verbs import Delete, Fold, FoldKind, Insert, Upsert, Verb
from acci.domain.upcasting import leaf_of

_IDENTITY = re.compile("^IS_OP$|_IF_(NOT_)?NONE$")
F = TypeVar("F", bound=Callable[..., Any])


def on(*events: type[EventData]) -> Callable[[F], F]:
    """Mark a method `(self, event) -> verb or list of verbs` as what these events do to the read model."""

    def mark(method: F) -> F:
        method.__dict__["on"] = (*getattr(method, "on", ()), *events)
        return method

    return mark


@dataclass(frozen=True)
class Action:
    """One verb of a rule, compiled: the key of its row, and the fold of each column."""

    verb: type[Verb]
    key: dict[str, Expression]
    columns: dict[str, Fold]


@dataclass(frozen=True)
class Rule:
    """One method of a projection, for one of its event types: its actions, in order."""

    name: str
    event: type[EventData]
    method: Callable[..., Any]
    actions: tuple[Action, ...]


class Projection:
    """The rules of one read model. Define `key` (column names) and `@on` methods; the docstring describes it.

    `name` is the class name in snake case, and the name of the read model's table. Key columns that a rule does not
    give are `tenant_id`, from the event, and one other, the aggregate's id.
    Raises `ProjectionError` where the class is defined, for what has no meaning in SQL.
    """

    name: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    rules: ClassVar[tuple[Rule, ...]] = ()
    folds: ClassVar[dict[str, FoldKind]] = {}
    folds_in_python: ClassVar[bool] = False

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        if abstract:
            return
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
        cls.rules = tuple(_rules(cls))
        if reason := unnamed_subclasses(cls.events()):
            raise ProjectionError(cls.__name__, reason)
        if not cls.rules and not cls.folds_in_python:
            raise ProjectionError(cls.__name__, "it has no rules; mark methods with @on(an event).")
        verbs = {action.verb for rule in cls.rules for action in rule.actions}
        if cls.rules and not verbs & {Insert, Upsert}:
            raise ProjectionError(cls.__name__, "no rule makes a row; one of them must Insert or Upsert.")
        cls.folds = _folds(cls)

    @classmethod
    def events(cls) -> tuple[type[EventData], ...]:
        """The events it handles, each once."""
        return tuple(dict.fromkeys(rule.event for rule in cls.rules))

    @classmethod
    def actions(cls, rule: Rule, view: EventView) -> tuple[Action, ...]:
        """The verbs that the rule's method returns for `view`, as actions with whole keys."""
        returned = rule.method(cls(), view)
        verbs = returned if isinstance(returned, list | tuple) else [returned]
        return tuple(_action(cls, verb, view) for verb in verbs)


def _rules(cls: type[Projection]) -> Iterable[Rule]:
    key = cls.__dict__.get("key")
    if not isinstance(key, tuple) or not key or not all(isinstance(column, str) for column in key):
        raise ProjectionError(cls.__name__, "give it a key of column names, such as key = ('tenant_id', 'id').")
    for base in cls.__mro__[1:]:
        if any(hasattr(method, "on") for method in vars(base).values()):
            raise ProjectionError(cls.__name__, f"the rules of {base.__name__} are not inherited; write them here.")
    for name, method in vars(cls).items():
        for event in getattr(method, "on", ()):
            if event is EventData:
                raise ProjectionError(f"{cls.__name__}.{name}", unnamed_subclasses([event]) or "")
            yield _rule(cls, name, event, method)


def _rule(cls: type[Projection], name: str, event: type[EventData], method: Callable[..., Any]) -> Rule:
    """The rule, compiled. Raises `ProjectionError` that names it."""
    subject = f"{cls.__name__}.{name} on {event.event_type()}"
    draft = Rule(name, event, method, ())
    try:
        _refuse_identity(method.__code__)
        twice = [cls.actions(draft, EventView(event, leaf_of(event))) for _ in range(2)]
        if repr(twice[0]) != repr(twice[1]):
            refuse(
                "it returns something else each time", "take timestamps and ids from the event, not from the machine."
            )
    except DefinitionError as error:
        raise ProjectionError(subject, str(error)) from error
    except Exception as error:  # any error that a rule's own code raises on a symbol
        reason = (
            f"it cannot be compiled ({type(error).__name__}: {error}); use the functions of acci.domain.projections."
        )
        raise ProjectionError(subject, reason) from error
    return Rule(name, event, method, twice[0])


def _refuse_identity(code: CodeType) -> None:
    """Refuse `is` in a rule: Python cannot overload it, so it would silently be False."""
    if any(_IDENTITY.search(instruction.opname) for instruction in dis.get_instructions(code)):
        refuse("`is` in a rule", "an event's value is a symbol, never None itself; write is_null(value).")
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            _refuse_identity(inner)


def _action(cls: type[Projection], verb: object, view: EventView) -> Action:
    if not isinstance(verb, Verb):
        raise DefinitionError(f"it returns {verb!r}", "return Insert, Update, Upsert or Delete, or a list of them.")
    key: dict[str, Expression] = {}
    for column in cls.key:
        if column in verb.columns:
            fold = verb.columns[column]
            if fold.kind is not FoldKind.PUT:
                raise DefinitionError(f"the key column {column!r}", "give it a bare value.")
            key[column] = fold.value
        elif column == "tenant_id":
            key[column] = view.tenant_id
        elif [other for other in cls.key if other != "tenant_id"] == [column]:
            key[column] = view.aggregate_id
        else:
            raise DefinitionError(f"the key column {column!r}", "the rule must give it.")
        if key[column].kind in (Kind.JSON, Kind.FLOAT):
            raise DefinitionError(
                f"the key column {column!r}", "a key is text, a number, a date, a timestamp or a UUID."
            )
    columns = {name: fold for name, fold in verb.columns.items() if name not in cls.key}
    if isinstance(verb, Delete) and columns:
        raise DefinitionError("Delete", f"it takes key columns only, not {', '.join(columns)}.")
    return Action(type(verb), key, columns)


def _folds(cls: type[Projection]) -> dict[str, FoldKind]:
    """The fold of each column, the same in all rules; a bare value in an Insert is where that fold starts."""
    kinds: dict[str, FoldKind] = {}
    for bare_inserts in (False, True):
        for rule in cls.rules:
            for action in rule.actions:
                for name, fold in action.columns.items():
                    if (action.verb is Insert and fold.kind is FoldKind.PUT) is not bare_inserts:
                        continue
                    known = kinds.setdefault(name, fold.kind)
                    if known is not fold.kind and not bare_inserts:
                        raise ProjectionError(
                            f"{cls.__name__}.{rule.name}",
                            f"column {name!r} is {fold.kind} here and {known} elsewhere; a column folds one way.",
                        )
    return kinds
