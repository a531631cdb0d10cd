"""Random projections with their tables: any verbs, folds, keys and expressions, as source text."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

import acci.domain.projections as language
from acci.domain.errors import ProjectionError
from acci.domain.events import EventData
from acci.domain.expressions.kinds import Kind
from acci.domain.projections import Projection
from tests.support.strategies.events import EVENTS, Closed
from tests.support.strategies.expressions import expression, known, literal_or

NAMES = (
    {name: getattr(language, name) for name in language.__all__}
    | {event.__name__: event for event in EVENTS}
    | {"Decimal": Decimal, "datetime": datetime, "date": date, "UUID": UUID}
)
KEY_TYPES: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("text", "character varying(100)"),
    Kind.INTEGER: ("bigint",),
    Kind.NUMERIC: ("numeric(20,1)",),
    Kind.TIMESTAMP: ("timestamptz", "timestamptz(0)"),
    Kind.DATE: ("date",),
    Kind.UUID: ("uuid",),
    Kind.BOOLEAN: ("boolean",),
}
NUMBERS = ("bigint", "bigint", "integer", "numeric(30,2)", "numeric")
TYPES: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("text", "text", "character varying(60)", 'text COLLATE "C"'),
    Kind.INTEGER: NUMBERS,
    Kind.NUMERIC: NUMBERS,
    Kind.FLOAT: ("double precision", "double precision", "numeric(60,3)"),
    Kind.BOOLEAN: ("boolean",),
    Kind.TIMESTAMP: ("timestamptz", "timestamptz", "timestamptz(2)"),
    Kind.DATE: ("date",),
    Kind.UUID: ("uuid",),
    Kind.JSON: ("jsonb",),
}
DEFAULTS: dict[str, tuple[str, ...]] = {
    "text": ("'d'", "''", "'é'"),
    "character": ("'d'", "'it''s'"),
    "bigint": ("0", "5"),
    "integer": ("0", "-5"),
    "numeric": ("0", "1.50"),
    "double": ("0.5",),
    "boolean": ("true", "false"),
    "timestamptz": ("'2024-01-01 00:00:00.123456+02'",),
    "date": ("'2024-01-01'",),
    "uuid": ("'00000000-0000-0000-0000-000000000009'",),
    "jsonb": ("'{}'", "'[1.50]'"),
}
ORDERED = (Kind.TEXT, Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT, Kind.TIMESTAMP, Kind.DATE, Kind.UUID)
FOLDS: dict[str, tuple[Kind, ...]] = {
    "put": tuple(Kind),
    "keep": tuple(Kind),
    "add": (Kind.INTEGER, Kind.NUMERIC),
    "minimum": ORDERED,
    "maximum": ORDERED,
}


ALIKE: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("event.aggregate_id", "event.metadata.user_id", "lower(event.data.name)", "'one'"),
    Kind.INTEGER: ("event.data.slot", "1"),
    Kind.NUMERIC: ("cast(event.data.slot, Decimal)", "event.data.amount"),
    Kind.TIMESTAMP: ("date_trunc('year', event.timestamp, 'UTC')",),
    Kind.DATE: ("local_date(date_trunc('year', event.timestamp, 'UTC'), 'UTC')",),
    Kind.UUID: ("event.data.ref", "UUID(int=2)"),
    Kind.BOOLEAN: ("event.data.flag", "(event.version > 2)"),
}
# Names that SQL or the compiled statement has its own use for.
COLUMNS = ("c0", "order", "event_type", "position", "gone", "stored", "select", "Total", "first", "data")


@dataclass(frozen=True)
class Made:
    """A column of the random table, and how rules give it values."""

    name: str
    kind: Kind
    fold: str
    type: str
    default: str | None

    @property
    def ddl(self) -> str:
        return f'"{self.name}" {self.type}' + (f" DEFAULT {self.default}" if self.default else "")


@dataclass(frozen=True)
class RandomProjection:
    """A projection's source and its table's; `projection` is what the source says."""

    source: str
    table: str

    @property
    def projection(self) -> type[Projection]:
        names: dict[str, Any] = dict(NAMES)
        exec(self.source, names)  # noqa: S102 made by this module
        found: type[Projection] = names["Random"]
        return found

    def __repr__(self) -> str:
        return f"\n{self.source}\n{self.table}\n"


@st.composite
def columns(draw: st.DrawFn) -> list[Made]:
    """Those that rules fill; two more are left to their defaults."""
    made = []
    for name in draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True)):
        fold = draw(st.sampled_from(("put", "put", *FOLDS)))
        kind = draw(st.sampled_from(FOLDS[fold]))
        types = [name for name in TYPES[kind] if name != "numeric" or fold not in ("minimum", "maximum")]
        column_type = draw(st.sampled_from(types))
        default = draw(st.none() | st.sampled_from(DEFAULTS[column_type.split("(")[0].split(" ")[0]]))
        made.append(Made(name, kind, fold, column_type, default))
    return made


@st.composite
def keys(draw: st.DrawFn) -> list[Made]:
    """The key columns that rules give; none: the tenant and the aggregate, or the aggregate alone."""
    kinds = draw(st.just([]) | st.lists(st.sampled_from(list(KEY_TYPES)), max_size=2))
    return [
        Made(f"k{number}", kind, "put", draw(st.sampled_from(KEY_TYPES[kind])), None)
        for number, kind in enumerate(kinds)
    ]


@st.composite
def verbs(draw: st.DrawFn, event: type[EventData], key: list[Made], filled: list[Made]) -> str:
    """One verb as source."""
    verb = draw(st.sampled_from(("Insert", "Update", "Upsert", "Upsert", "Delete")))
    given = [f"{column.name}={draw(key_part(event, column.kind))}" for column in key]
    for column in filled if verb != "Delete" else ():
        if not draw(st.integers(0, 3)):
            continue
        value = draw(known(event, column.kind) | literal_or(event, column.kind, 2))
        bare = column.fold == "put" or (verb == "Insert" and draw(st.booleans()))
        if value == "None" and not bare:
            value = draw(known(event, column.kind))
        if column.fold == "add" and not bare and draw(st.booleans()):
            value = "count()"
        elif not bare:
            value = f"{column.fold}({value})"
        given.append(f"{column.name}={value}")
    return f"{verb}({', '.join(given)})"


def key_part(event: type[EventData], kind: Kind) -> st.SearchStrategy[str]:
    """Mostly what several events have alike, so that they meet in a row."""
    alike = [source for source in ALIKE[kind] if event is not Closed or ".data." not in source or ".slot" in source]
    return st.one_of(*[st.sampled_from(alike)] * 3, expression(event, kind, 1)) if alike else expression(event, kind, 1)


@st.composite
def sources(draw: st.DrawFn) -> RandomProjection:
    """A projection that may or may not compile, with its table."""
    key, filled = draw(keys()), draw(columns())
    names = [column.name for column in key] or ["id"]
    if draw(st.booleans()):
        names.insert(0, "tenant_id")
    lines = ["class Random(Projection):", f"    key = {tuple(names)!r}"]
    events = [event for event in EVENTS if event is not Closed or all(c.kind is not Kind.JSON for c in filled)]
    for number in range(draw(st.integers(1, 6))):
        event = draw(st.sampled_from(events))
        said = [draw(verbs(event, key, filled)) for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3))))]
        lines += [
            f"    @on({event.__name__})",
            f"    def rule_{number}(self, event):",
            f"        return [{', '.join(said)}]" if len(said) > 1 else f"        return {said[0]}",
        ]
    ddl = [
        *(["tenant_id text"] if "tenant_id" in names else []),
        *(["id text"] if "id" in names else []),
        *(column.ddl for column in (*key, *filled)),
        "untold integer DEFAULT 3",
        "made text GENERATED ALWAYS AS (untold::text || '!') STORED",
        f"PRIMARY KEY ({', '.join(names)})",
    ]
    listed = ",\n    ".join(ddl)
    return RandomProjection("\n".join(lines), f"CREATE TABLE random (\n    {listed}\n)")


def _compiles(made: RandomProjection) -> bool:
    try:
        return bool(made.projection.rules)
    except ProjectionError:
        return False


projections = sources().filter(_compiles)
