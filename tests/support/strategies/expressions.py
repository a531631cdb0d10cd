"""Random expressions, as the source text that a rule would have: what fails can be read and run."""

from functools import cache

from hypothesis import strategies as st
from pydantic import BaseModel

from acci.domain.events import EventData
from acci.domain.expressions.event_view import ENVELOPE
from acci.domain.expressions.kinds import Kind, kind_of_annotation
from tests.support.strategies.values import ZONES

Source = st.SearchStrategy[str]
NUMBERS = (Kind.INTEGER, Kind.NUMERIC)
ORDERED = (Kind.TEXT, Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT, Kind.TIMESTAMP, Kind.DATE, Kind.UUID, Kind.BOOLEAN)
LITERALS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("'a'", "''", "'50% of :it'", "'it''s'", r"'back\\slash'", "'é\\u2028'"),
    Kind.INTEGER: ("0", "1", "-3", "1000000"),
    Kind.NUMERIC: ("Decimal('0')", "Decimal('1.50')", "Decimal('-0.005')", "Decimal('1E+3')"),
    Kind.FLOAT: ("0.5", "-1e22", "float('nan')"),
    Kind.BOOLEAN: ("True", "False"),
    Kind.TIMESTAMP: ("datetime.fromisoformat('2024-10-27T02:30:00+01:00')",),
    Kind.DATE: ("date(2024, 10, 27)",),
    Kind.UUID: ("UUID(int=2)",),
}


@cache
def fields(event: type[EventData]) -> dict[Kind, list[str]]:
    """The source of everything that an event offers, by kind."""
    found: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for name, kind in ENVELOPE.items():
        if name not in ("position", "recorded_at"):
            found[kind].append(f"event.{name}")
    found[Kind.TEXT] += ["event.metadata.user_id", "event.metadata.correlation_id"]
    found[Kind.JSON].append("event.data")
    _below(event, "event.data", found)
    return found


def _below(model: type[BaseModel], path: str, found: dict[Kind, list[str]]) -> None:
    for name, info in model.model_fields.items():
        kind, _, nested = kind_of_annotation(info.annotation)
        found[kind].append(f"{path}.{name}")
        if nested is not None:
            _below(nested, f"{path}.{name}", found)


@cache
def known(event: type[EventData], kind: Kind) -> Source:
    """A field, or what is made of one without anything to choose."""
    options = fields(event)[kind]
    if kind is Kind.DATE:
        options = [*options, "local_date(event.timestamp, 'Europe/Amsterdam')"]
    if kind is Kind.BOOLEAN:
        options = [*options, "(event.version > 2)"]
    if kind is Kind.NUMERIC:
        options = [*options, "cast(event.version, Decimal)"]
    if kind is Kind.FLOAT:
        options = [*options, "when(event.version > 1, 0.25)"]
    return st.sampled_from(options)


@cache
def literal_or(event: type[EventData], kind: Kind, depth: int) -> Source:
    literals = LITERALS.get(kind)
    rest = expression(event, kind, depth)
    return rest | st.sampled_from((*literals, "None")) if literals else rest


@cache
def expression(event: type[EventData], kind: Kind, depth: int = 2) -> Source:
    """An expression of `kind` about `event`; at most `depth` deep."""
    leaf = known(event, kind)
    if depth == 0:
        return leaf
    return leaf | leaf | st.deferred(lambda: st.one_of(_calls(event, kind, depth - 1)))


def _calls(event: type[EventData], kind: Kind, depth: int) -> list[Source]:
    def of(kind: Kind) -> Source:
        return expression(event, kind, depth)

    same, other = of(kind), literal_or(event, kind, depth)
    calls = [
        st.builds("coalesce({}, {})".format, same, other),
        st.builds("when({}, {}, {})".format, of(Kind.BOOLEAN), same, other),
        st.builds("when({}, {})".format, of(Kind.BOOLEAN), same),
    ]
    match kind:
        case Kind.TEXT:
            castable = st.sampled_from((Kind.INTEGER, Kind.NUMERIC, Kind.UUID, Kind.DATE)).flatmap(of)
            calls += [
                st.builds("lower({})".format, same),
                st.builds("concat({}, {}, {})".format, same, other, other),
                st.builds("cast({}, str)".format, castable),
                st.builds("before({}, {})".format, same, st.sampled_from(("'a'", "'%'", "'é'", "' b'"))),
                st.builds("after({}, {})".format, same, st.sampled_from(("'a'", "'%'", "'é'", "' b'"))),
            ]
        case Kind.INTEGER | Kind.NUMERIC:
            calls += [
                st.builds("({} {} {})".format, same, st.sampled_from("+-*"), other),
                st.builds("({} {} {})".format, st.sampled_from(LITERALS[kind]), st.sampled_from("+-*"), same),
                st.builds("-{}".format, same),
            ]
            if kind is Kind.NUMERIC:
                calls += [
                    st.builds("({} {} {})".format, same, st.sampled_from("+-*"), of(Kind.INTEGER)),
                    st.builds("cast({}, Decimal)".format, of(Kind.INTEGER)),
                ]
            else:
                calls.append(st.builds("cast({}, int)".format, of(Kind.BOOLEAN)))
            calls.append(st.builds("cast(concat(cast({}, str), '0'), {})".format, same, st.just(_PYTHON[kind])))
        case Kind.BOOLEAN:
            compared = st.sampled_from(ORDERED).flatmap(
                lambda kind: st.builds(
                    "({} {} {})".format,
                    of(kind),
                    st.sampled_from(("==", "!=", "<", "<=", ">", ">=")),
                    st.one_of(of(kind), st.sampled_from(LITERALS[kind])),
                )
            )
            calls += [
                compared,
                compared,
                st.builds("({} {} {})".format, same, st.sampled_from("&|"), same),
                st.builds("~{}".format, same),
                st.builds("is_null({})".format, st.sampled_from(list(Kind)).flatmap(of)),
            ]
        case Kind.TIMESTAMP:
            units = st.sampled_from(("hour", "day", "week", "month", "year"))
            calls.append(st.builds("date_trunc({!r}, {}, {!r})".format, units, same, st.sampled_from(ZONES)))
        case Kind.DATE:
            calls.append(st.builds("local_date({}, {!r})".format, of(Kind.TIMESTAMP), st.sampled_from(ZONES)))
    return calls


_PYTHON = {Kind.INTEGER: "int", Kind.NUMERIC: "Decimal"}
