"""A projection compiled to SQL: one statement that applies a range of events to a generation's table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import psycopg as dialects

from acci.domain.expressions.tree import Field
from acci.domain.projections import Projection
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.expressions import EVENTS, Element, as_text, in_type_of
from acci.store.compiling.folding import Folding
from acci.store.compiling.merge import DEFAULT, Merge, Placeholder, When
from acci.store.compiling.parallel_fill import Gather, gathered
from acci.store.generations.tables import ReadModel

_FALSE: Element = sa.cast(sa.literal("false"), sa.Boolean)
STREAM = (("tenant_id",), ("aggregate_id",))
PARKED = sa.table("parked_keys", sa.column("generation"), sa.column("key"), schema="acci")
DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]
DIALECT._backslash_escapes = False  # noqa: SLF001 as after connecting; a backslash means itself in a literal


@dataclass(frozen=True)
class Scope:
    """Which of a range's events and keys a statement is for; its texts take more parameters, as said.

    `partitioned`: the keys of share `partition` of `partitions`. `careful`: not the parked keys of `generation`, nor
    the events at the positions `skipped`. `chosen`: the keys in `chosen(column)`, lists of text of one length, without
    `skipped`. `rare`: the projection's events are few among the others.
    """

    partitioned: bool = False
    careful: bool = False
    chosen: bool = False
    rare: bool = False

    def events(self) -> list[Element]:
        position = EVENTS.c.position
        return [position > Placeholder("after", sa.BigInteger()), position <= Placeholder("upto", sa.BigInteger())]

    def keys(self, key: dict[str, Element], whole: list[Element], read_model: ReadModel) -> list[Element]:
        """The conditions on a key, after those that say that it is `whole`, without a NULL."""
        conditions = list(whole)
        if self.partitioned:
            conditions.append(in_partition(key))
        if self.careful:
            wholly = postgresql.array([as_text(value) for value in key.values()])
            here = PARKED.c.generation == Placeholder("generation", sa.BigInteger())
            parked = sa.exists().where(here, PARKED.c.key == wholly).correlate(EVENTS)
            conditions.append(sa.not_(parked))
        if self.chosen:
            conditions.append(_among_chosen(key, read_model))
        if not (self.careful or self.chosen):
            return conditions
        # CASE, since nothing else keeps PostgreSQL from computing the key of a skipped event, which may be unreadable.
        return [sa.case((_skipped(), _FALSE), else_=sa.and_(*conditions))]

    def require(self, kept: list[Element], readable: Element) -> list[Element]:
        """The conditions on a key and that the event be readable: one that is skipped, or of other keys, need not."""
        if not (self.careful or self.chosen):
            return [*kept, readable]
        # CASE, since PostgreSQL asks what is cheaper first, and that an event is unreadable ends the whole statement.
        return [sa.case((sa.and_(*kept), readable), else_=_FALSE)]


def _skipped() -> Element:
    return EVENTS.c.position == sa.func.any(Placeholder("skipped", postgresql.ARRAY(sa.BigInteger())))


def not_parked(table: sa.FromClause, key: Iterable[str]) -> Element:
    """That the row of `table` is of a key that is not parked in the `generation`, a parameter."""
    wholly = postgresql.array([as_text(table.c[name]) for name in key])
    here = PARKED.c.generation == Placeholder("generation", sa.BigInteger())
    return sa.not_(sa.exists().where(here, PARKED.c.key == wholly).correlate(table))


def in_partition(key: dict[str, Element]) -> Element:
    """By a hash of the key's most telling column."""
    telling = next(value for name, value in reversed(key.items()) if name != "tenant_id" or len(key) == 1)
    hashed = sa.func.hashtext(as_text(telling)).op("&")(sa.literal(2**31 - 1))
    return hashed.self_group() % Placeholder("partitions", sa.Integer()) == Placeholder("partition", sa.Integer())


def chosen(name: str) -> str:
    """The parameter for the chosen keys' part in the column `name`, which may have any character in it."""
    return f"key_{name.encode().hex()}"


def _chosen(key: Iterable[str]) -> sa.FromClause:
    """The chosen keys, a row each, their columns as text."""
    names = list(key)
    lists = [Placeholder(chosen(name), postgresql.ARRAY(sa.Text())) for name in names]
    columns = (sa.column(name, sa.Text()) for name in names)
    return sa.func.unnest(*lists).table_valued(*columns).render_derived("wanted")


def _among_chosen(key: Mapping[str, Element], read_model: ReadModel, of: sa.FromClause = EVENTS) -> Element:
    wanted = _chosen(key)
    same = [in_type_of(read_model.column(name), wanted.c[name]) == value for name, value in key.items()]
    return sa.exists().where(*same).correlate(of)


def streams_of(projection: type[Projection], read_model: ReadModel) -> dict[str, str]:
    """From which part of a stream's name each column of the key comes, where every row is of one stream; else none."""
    streams: dict[str, str] = {}
    for action in (action for rule in projection.rules for action in rule.actions):
        for name, value in action.key.items():
            given = value.path if isinstance(value, Field) else ()
            if given not in STREAM or not read_model.column(name).is_character:
                return {}
            if streams.setdefault(name, given[0]) != given[0]:
                return {}
    return streams


def of_chosen_streams(projection: type[Projection], read_model: ReadModel) -> list[Element]:
    """Where every row is of one stream, the chosen keys say whose events are meant: an index finds them."""
    streams = streams_of(projection, read_model)
    wanted = _chosen(streams) if streams else None
    if wanted is None:
        return []
    named = (EVENTS.c[part] for part in streams.values())
    return [sa.tuple_(*named).in_(sa.select(*(wanted.c[name] for name in streams)))]


WHOLE = Scope()


def is_ordered(projection: type[Projection]) -> bool:
    """Whether it matters in which order events are folded; where not, PostgreSQL may read them in parallel."""
    return not {*projection.folds.values()}.isdisjoint((FoldKind.PUT, FoldKind.KEEP))


class Compiled:
    """A projection compiled against one generation's table.

    The texts take the named parameters `after` and `upto`, positions, and those of their scope. Applying (a, b] and
    then (b, c] leaves what applying (a, c] does, whatever the split.
    """

    def __init__(self, projection: type[Projection], read_model: ReadModel) -> None:
        self.projection, self.read_model = projection, read_model
        self.table = sa.table(
            read_model.name, *(sa.column(column.name) for column in read_model.columns), schema=read_model.schema
        )
        self._stored = self.table.alias("stored")

    def apply(self, scope: Scope = WHOLE) -> str:
        """The statement that folds a range into the table's rows."""
        folding = self._folding(scope, self._stored)
        source = folding.final()
        folded = source.subquery("folded")
        on = sa.and_(*(self._stored.c[name] == folded.c[name] for name in self.projection.key))
        whens = [
            When(True, folded.c.acci_gone, None),
            When(True, folded.c.acci_anew, self._born(folding, folded) | self._untold()),
            When(True, sa.not_(folded.c.acci_anew), self._merged(folding, folded)),
            When(False, folded.c.acci_makes, self._key(folded) | self._born(folding, folded)),
        ]
        whens = [when for when in whens if when.values != {}]
        return text_of(Merge(self._stored, source, on, whens, "folded"))

    def fill(self, scope: Scope = WHOLE) -> str:
        """The statement that folds a range into a table without rows for the keys in scope."""
        names, rows = self._filling(scope)
        return text_of(sa.insert(self.table).from_select(names, rows, include_defaults=False))

    def gather(self, scope: Scope = WHOLE) -> str:
        """The first half of `fill`, which PostgreSQL may run in parallel; `pour` is the other."""
        names, rows = self._filling(scope)
        named = zip(names, rows.selected_columns, strict=True)
        return text_of(Gather(rows.with_only_columns(*(column.label(name) for name, column in named))))

    def pour(self) -> str:
        """The statement that puts what was gathered into the table."""
        names = [*self.projection.key, *self.projection.folds]
        source = gathered(names)
        return text_of(sa.insert(self.table).from_select(names, sa.select(*source.c), include_defaults=False))

    def _filling(self, scope: Scope) -> tuple[list[str], sa.Select[Any]]:
        folding = self._folding(scope, None)
        folded = folding.final().subquery("folded")
        values = self._key(folded) | self._born(folding, folded)
        return list(values), sa.select(*values.values()).where(folded.c.acci_makes)

    def touched(self) -> str:
        """The query for the keys that a range touches, each as a list of text."""
        rows = Folding(self.projection, self.read_model, WHOLE.events, lambda _, whole: whole, None).actions.rows()
        key = postgresql.array([as_text(rows.c[name]) for name in self.projection.key])
        return text_of(sa.select(key).distinct())

    def actions(self, scope: Scope) -> Actions:
        """The rows of the rules' actions."""
        return self._folding(scope, None).actions

    def clear(self) -> str:
        """The statement that takes the chosen keys' rows out."""
        key = {name: self.table.c[name] for name in self.projection.key}
        return text_of(sa.delete(self.table).where(_among_chosen(key, self.read_model, self.table)))

    def _folding(self, scope: Scope, stored: sa.FromClause | None) -> Folding:
        return Folding(
            self.projection,
            self.read_model,
            lambda: scope.events() + (of_chosen_streams(self.projection, self.read_model) if scope.chosen else []),
            lambda key, whole: scope.keys(key, whole, self.read_model),
            stored,
            scope.require,
            few=scope.rare or scope.chosen,
        )

    def _key(self, folded: sa.FromClause) -> dict[str, Element]:
        return {name: folded.c[name] for name in self.projection.key}

    def _born(self, folding: Folding, folded: sa.FromClause) -> dict[str, Element]:
        """Each column of a row that is new."""
        return {name: folding.upon(folded, name, folding.base(folded, name)) for name in self.projection.folds}

    def _merged(self, folding: Folding, folded: sa.FromClause) -> dict[str, Element]:
        """Each column of a row that goes on: its fold upon what is stored."""
        return {name: folding.upon(folded, name, self._stored.c[name]) for name in self.projection.folds}

    def _untold(self) -> dict[str, Any]:
        """The columns that no rule speaks of: at their default when the row is made anew."""
        told = {*self.projection.key, *self.projection.folds}
        return {
            column.name: DEFAULT
            for column in self.read_model.columns
            if column.name not in told and not column.generated
        }


def text_of(statement: sa.sql.ClauseElement) -> str:
    """The statement's text for psycopg, literals in place; to be executed with parameters, none as ()."""
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
