"""Hypothesis strategies for a model's fields: values by type and constraint, such as PostgreSQL can hold."""

import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, NaiveDatetime, RootModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from acci.domain.errors import DefinitionError
from acci.store.extras import needs

with needs("testing"):
    from hypothesis import reject
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException

M = TypeVar("M", bound=BaseModel)
Strategy = st.SearchStrategy[Any]
Constraints = dict[str, Any]

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.text(CHARACTERS)
KEYS = TEXTS.filter(lambda name: name != "acci.personal")  # the one name that a payload must not use
WHOLE = 2**63 - 1  # what a bigint holds
EXACT = 10**15
ZONES = st.sampled_from((UTC, timezone(timedelta(hours=-11, minutes=-30)), timezone(timedelta(hours=14))))
FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 in every zone within the years 1 to 9999 of UTC
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-WHOLE, WHOLE) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
CONSTRAINTS = (
    "gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "max_digits", "decimal_places",
)  # fmt: skip


def valid(model: type[M], own: Mapping[str, Strategy]) -> st.SearchStrategy[M]:
    """Instances of the model. Raises `DefinitionError` for a field that is not there, or whose values are not known."""
    if unknown := sorted(own.keys() - model.model_fields.keys()):
        raise DefinitionError(f"{model.__name__}.{unknown[0]}", "there is no such field to draw values for.")
    drawn = {
        name: own[name] if name in own else _field(model, name, field) for name, field in model.model_fields.items()
    }
    if issubclass(model, RootModel):
        return drawn["root"].map(model)
    needed = {name for name, field in model.model_fields.items() if field.is_required() or name in own}
    values = st.fixed_dictionaries(
        {name: each for name, each in drawn.items() if name in needed},
        optional={name: each for name, each in drawn.items() if name not in needed},
    )

    @st.composite
    def instance(draw: st.DrawFn) -> M:
        try:
            return model.model_validate(draw(values), by_name=True)
        except ValidationError:  # by a check of the model's own, of which no type knows
            reject()

    return instance()


def _field(model: type[BaseModel], name: str, field: FieldInfo) -> Strategy:
    try:
        return _values(field.annotation, field.metadata)
    except HypothesisException as error:
        reason = f"its type does not say which values it has. Give a strategy for it: {name}=…"
        raise DefinitionError(f"{model.__name__}.{name}", reason) from error


def _values(annotation: Any, metadata: Iterable[Any] = ()) -> Strategy:
    """Values of the type that meet its constraints; those that it has no strategy for are left to Hypothesis."""
    own = tuple(part for each in metadata for part in (each.metadata if isinstance(each, FieldInfo) else (each,)))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0], (*arguments[1:], *own))
    if origin in (Union, types.UnionType):
        branches = sorted(arguments, key=lambda each: each is not type(None))
        return st.one_of(*(st.none() if each is type(None) else _values(each, own) for each in branches))
    constraints = {name: getattr(each, name) for each in own for name in CONSTRAINTS if _has(each, name)}
    drawn = _unchecked(annotation, origin, arguments, constraints)
    return drawn.filter(partial(_fits, TypeAdapter(Annotated[annotation, *own]))) if own else drawn


def _has(constraint: Any, name: str) -> bool:
    return getattr(constraint, name, None) is not None


def _fits(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def _unchecked(annotation: Any, origin: Any, arguments: tuple[Any, ...], constraints: Constraints) -> Strategy:
    """As the constraints say, as far as that is simply had."""
    kind = origin or annotation
    if kind in _SIMPLE:
        return _SIMPLE[kind](constraints)
    if kind in _HOLDING:
        return _HOLDING[kind](arguments, constraints)
    if hasattr(annotation, "__value__"):  # type X = …
        return _values(annotation.__value__)
    return _of_class(annotation)


def _of_class(kind: Any) -> Strategy:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return st.deferred(lambda: valid(kind, {}))  # it may hold itself
    left: Strategy = st.from_type(kind)
    left.validate()
    return left


def _several(of: Callable[..., Strategy], arguments: tuple[Any, ...], constraints: Constraints) -> Strategy:
    return of(_values((arguments or (Any,))[0]), **_sizes(constraints))


def _tuples(arguments: tuple[Any, ...], constraints: Constraints) -> Strategy:
    if arguments[1:] == (...,) or not arguments:
        return _several(st.lists, arguments, constraints).map(tuple)
    return st.tuples(*map(_values, arguments))


def _named(arguments: tuple[Any, ...], constraints: Constraints) -> Strategy:
    names, inner = arguments or (str, Any)
    return st.dictionaries(KEYS if names is str else _values(names), _values(inner), **_sizes(constraints))


def _sizes(constraints: Constraints, longest: int | None = 5) -> dict[str, Any]:
    least = constraints.get("min_length", 0)
    most = constraints.get("max_length")
    usual = None if longest is None else max(least, longest)
    return {"min_size": least, "max_size": most if usual is None or (most is not None and most < usual) else usual}


def _texts(constraints: Constraints) -> Strategy:
    if "pattern" not in constraints:
        return st.text(CHARACTERS, **_sizes(constraints, None))
    return st.from_regex(constraints["pattern"], alphabet=CHARACTERS)


def _within(constraints: Constraints, low: Any, high: Any) -> tuple[Any, Any]:
    return constraints.get("ge", constraints.get("gt", low)), constraints.get("le", constraints.get("lt", high))


def _whole(constraints: Constraints) -> Strategy:
    step = constraints.get("multiple_of", 1)
    low, high = _within(constraints, -WHOLE, WHOLE)
    return st.integers(-(-low // step), high // step).map(lambda count: count * step)


def _rough(constraints: Constraints) -> Strategy:
    low, high = _within(constraints, None, None)
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def _exact(constraints: Constraints) -> Strategy:
    places = constraints.get("decimal_places", 2)
    most = 10 ** (constraints["max_digits"] - places) - 1 if "max_digits" in constraints else EXACT
    low, high = _within(constraints, -most, most)
    return st.decimals(max(low, -most), min(high, most), allow_nan=False, allow_infinity=False, places=places)


def _moments(constraints: Constraints) -> Strategy:
    low, high = (
        bound.astimezone(UTC).replace(tzinfo=None) if bound.tzinfo else bound
        for bound in _within(constraints, FIRST, LAST)
    )
    return st.datetimes(low, high, timezones=st.just(UTC)).flatmap(lambda at: ZONES.map(at.astimezone))


_HOLDING: dict[Any, Callable[[tuple[Any, ...], Constraints], Strategy]] = {
    Literal: lambda arguments, _: st.sampled_from(arguments),
    tuple: _tuples,
    dict: _named,
    Mapping: _named,
    list: partial(_several, st.lists),
    Sequence: partial(_several, st.lists),
    set: partial(_several, st.sets),
    Set: partial(_several, st.sets),
    frozenset: partial(_several, st.frozensets),
}
_SIMPLE: dict[Any, Callable[[Constraints], Strategy]] = {
    str: _texts,
    int: _whole,
    float: _rough,
    Decimal: _exact,
    datetime: _moments,
    AwareDatetime: _moments,
    NaiveDatetime: lambda constraints: st.datetimes(*_within(constraints, FIRST, LAST)),
    date: lambda constraints: st.dates(*_within(constraints, date.min, date.max)),
    time: lambda constraints: st.times(*_within(constraints, time.min, time.max)),
    timedelta: lambda constraints: st.timedeltas(
        *_within(constraints, timedelta(days=-36_500), timedelta(days=36_500))
    ),
    bytes: lambda constraints: st.binary(**_sizes(constraints, 20)),
    bool: lambda _: st.booleans(),
    UUID: lambda _: st.uuids(),
    type(None): lambda _: st.none(),
    Any: lambda _: JSON,
}
